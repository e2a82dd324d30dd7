//! Photos per second of each network: two threads, each with a network of its own and one intra-op thread.
//!
//! `cargo bench -p tl-backbone`

use std::{path::Path, thread};

use divan::{Bencher, counter::ItemsCount};
use tl_backbone::{Network, Precision, Weights, spec};

const NETWORKS: [&str; 3] = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"];
const BATCHES: [usize; 5] = [1, 2, 4, 8, 32];
const N_THREADS: usize = 2;
/// Photos per thread and sample.
const N_PHOTOS: usize = 32;

fn main() {
    tl_torch::keep_allocations();
    divan::main();
}

fn weights(name: &str) -> Weights {
    let spec = spec(name).expect("a known network");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(spec.file);
    Weights::open(&path, spec).expect("run cargo xtask fetch --all")
}

fn throughput(bencher: Bencher<'_, '_>, name: &str, precision: Precision, batch: usize) {
    let weights = weights(name);
    let side = weights.spec().preprocessing.geometry.side as usize;
    let pixels: Vec<u8> = (0..batch * side * side * 3).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
    tl_torch::set_intra_op_threads(1);
    let mut networks: Vec<Network> =
        (0..N_THREADS).map(|_| Network::compile(&weights, precision, batch).expect("the weights compile")).collect();
    bencher.counter(ItemsCount::new(N_THREADS * N_PHOTOS)).bench_local(|| {
        thread::scope(|scope| {
            for network in &mut networks {
                let pixels = &pixels;
                scope.spawn(move || {
                    tl_torch::set_intra_op_threads(1);
                    for _ in 0..N_PHOTOS / batch {
                        drop(divan::black_box(network.features(pixels, batch).expect("features")));
                    }
                });
            }
        });
    });
}

#[divan::bench(args = BATCHES, consts = [0, 1, 2], sample_count = 5, sample_size = 1)]
fn f32<const N: usize>(bencher: Bencher<'_, '_>, batch: usize) {
    throughput(bencher, NETWORKS[N], Precision::F32, batch);
}

#[divan::bench(args = BATCHES, consts = [0, 1, 2], sample_count = 5, sample_size = 1)]
fn bf16<const N: usize>(bencher: Bencher<'_, '_>, batch: usize) {
    throughput(bencher, NETWORKS[N], Precision::Bf16, batch);
}

#[divan::bench(args = BATCHES, consts = [0, 1, 2], sample_count = 5, sample_size = 1)]
fn int16<const N: usize>(bencher: Bencher<'_, '_>, batch: usize) {
    throughput(bencher, NETWORKS[N], Precision::Int16, batch);
}

#[divan::bench(args = NETWORKS, consts = [0, 1, 2])]
fn compile<const N: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let weights = weights(name);
    let precision = [Precision::F32, Precision::Bf16, Precision::Int16][N];
    bencher.bench_local(|| Network::compile(&weights, precision, 4));
}

/// From bytes to the network's input, four photos on one thread.
#[divan::bench(sample_count = 50)]
fn normalise(bencher: Bencher<'_, '_>) {
    tl_torch::set_intra_op_threads(1);
    let spec = spec("mobilenet_v1").expect("a known network");
    let side = spec.preprocessing.geometry.side as usize;
    let pixels = vec![100; 4 * side * side * 3];
    let normalised = || spec.preprocessing.normalise(&pixels, 4, side).expect("pixels of four photos");
    bencher.counter(ItemsCount::new(4_usize)).bench_local(normalised);
}

#[divan::bench(args = NETWORKS)]
fn open(name: &str) -> Weights {
    weights(name)
}
