//! CPU milliseconds per photo of each network on one thread: unlike photos per second, they mean something on
//! a machine that others use too. By the engine that this processor takes and by oneDNN's. Linux only, best of eight
//! rounds.
//!
//! `cargo bench -p tl-backbone --bench cpu_time`
#![allow(clippy::print_stdout)]

use std::path::Path;

use tl_backbone::{CompileOptions, Engine, Network, Precision, Weights, registry};

const BATCHES: [usize; 3] = [1, 4, 32];
const N_PHOTOS: usize = 32;

fn main() {
    tl_torch::keep_allocations();
    tl_torch::set_intra_op_threads(1);
    println!("CPU ms per photo at batch {BATCHES:?}");
    for spec in registry() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(spec.file);
        let weights = Weights::open(&path, spec).expect("run cargo xtask fetch --all");
        for precision in spec.precisions() {
            for engine in [Engine::Auto, Engine::OneDnn] {
                if (precision, engine) == (Precision::Int16, Engine::OneDnn) {
                    continue;
                }
                let mut options = CompileOptions::default();
                (options.precision, options.engine) = (precision, engine);
                let times = BATCHES.map(|batch| format!("{:.2}", cpu_ms_per_photo(&weights, &options, batch)));
                println!("{} {} {engine:?}: {}", spec.name, precision.name(), times.join(", "));
            }
        }
    }
}

fn cpu_ms_per_photo(weights: &Weights, options: &CompileOptions, batch: usize) -> f64 {
    let mut options = options.clone();
    options.batch = batch;
    let network = Network::compile_with(weights, &options).expect("the weights compile");
    let side = weights.spec().preprocessing.geometry.side as usize;
    let pixels: Vec<u8> = (0..batch * side * side * 3).map(|i| ((i * 2_654_435_761) >> 13) as u8).collect();
    let round = || {
        let start = thread_cpu_ms();
        for _ in 0..N_PHOTOS / batch {
            drop(network.features(&pixels, batch).expect("features"));
        }
        (thread_cpu_ms() - start) / N_PHOTOS as f64
    };
    // The first round warms caches and allocator.
    (0..9).map(|_| round()).skip(1).fold(f64::INFINITY, f64::min)
}

/// Time that this thread has run, in milliseconds.
fn thread_cpu_ms() -> f64 {
    let text = fs_err::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanoseconds = text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok());
    nanoseconds.expect("its first number is nanoseconds") / 1e6
}
