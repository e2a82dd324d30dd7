//! A pointwise layer as in the middle of MobileNet V1, and a depthwise one, behind a stem: in multiply-adds a second,
//! on one thread.
//!
//! `cargo bench -p tl-kernels`

use divan::{Bencher, counter::ItemsCount};
use tl_kernels::{Activation, Conv, Layer, Network, NetworkOptions, Numbers};

const SIDE: usize = 28;
const N_CHANNELS: usize = 512;
const NUMBERS: [Numbers; 4] = [Numbers::F32, Numbers::Bf16, Numbers::Int16, Numbers::Int8];

fn main() {
    divan::main();
}

fn conv(n_in: usize, kernel: usize, stride: usize, groups: usize) -> Layer {
    let n_weights = N_CHANNELS * n_in / groups * kernel * kernel;
    Layer::Conv(Conv {
        n_in,
        n_out: N_CHANNELS,
        kernel,
        stride,
        groups,
        padding: kernel / 2,
        weight: (0..n_weights).map(|i| (i % 17) as f32 / 1000.0 - 0.008).collect(),
        bias: vec![0.1; N_CHANNELS],
        activation: Activation::Relu6,
        range: (0.0, 6.0),
        means: Vec::new(),
        residual: None,
    })
}

fn run(bencher: Bencher<'_, '_>, layers: &[Layer], numbers: Numbers, n_multiply_adds: usize) {
    let options = NetworkOptions { numbers, instructions: None, side: SIDE, mean: [127.5; 3] };
    let Ok(mut network) = Network::new(layers, &options) else { return };
    let photo: Vec<u8> = (0..SIDE * SIDE * 3).map(|i| (i * 31 % 256) as u8).collect();
    let mut features = vec![0.0; network.n_features()];
    bencher.counter(ItemsCount::new(n_multiply_adds)).bench_local(|| network.features(&photo, &mut features));
}

/// What the others begin with.
#[divan::bench]
fn stem(bencher: Bencher<'_, '_>) {
    run(bencher, &[conv(3, 3, 2, 1)], Numbers::F32, 14 * 14 * 27 * N_CHANNELS);
}

#[divan::bench(args = NUMBERS)]
fn stem_and_pointwise(bencher: Bencher<'_, '_>, numbers: Numbers) {
    let layers = [conv(3, 3, 2, 1), conv(N_CHANNELS, 1, 1, 1)];
    run(bencher, &layers, numbers, 14 * 14 * (27 + N_CHANNELS) * N_CHANNELS);
}

#[divan::bench]
fn stem_and_depthwise(bencher: Bencher<'_, '_>) {
    let layers = [conv(3, 3, 2, 1), conv(N_CHANNELS, 3, 1, N_CHANNELS)];
    run(bencher, &layers, Numbers::F32, 14 * 14 * (27 + 9) * N_CHANNELS);
}
