//! The products of a dense layer, 1024 to 1024 on a batch of 32, in multiply-adds a second, on one thread. Three layers
//! take turns, so that their weights come from no nearer than they do in training.
//!
//! `cargo bench -p tl-kernels --bench products`

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::{Bencher, counter::ItemsCount};
use tl_kernels::{Matrix, multiply};

const WIDTH: usize = 1024;
const BATCH: usize = 32;
/// Rows of weights that a thread takes at a time.
const BLOCK: usize = 128;

fn main() {
    divan::main();
}

fn values(n: usize) -> Vec<f32> {
    (0..n).map(|i| (i % 17) as f32 / 1000.0 - 0.008).collect()
}

/// Runs `product` on weights `[WIDTH, WIDTH]`, a batch `[WIDTH, BATCH]` and a result as large as either may be.
fn run(bencher: Bencher<'_, '_>, product: impl Fn(&mut [f32], &[f32], &mut [f32])) {
    let mut layers = vec![values(WIDTH * WIDTH); 3];
    let batch = values(WIDTH * BATCH);
    let mut result = vec![0.0; WIDTH * BATCH];
    let count = ItemsCount::new(WIDTH * WIDTH * BATCH);
    let mut turn = 0;
    bencher.counter(count).bench_local(|| {
        turn = (turn + 1) % layers.len();
        product(&mut layers[turn], &batch, &mut result);
    });
}

#[divan::bench]
fn outputs(bencher: Bencher<'_, '_>) {
    run(bencher, |weights, batch, result| {
        for (rows, out) in weights.chunks(BLOCK * WIDTH).zip(result.chunks_mut(BLOCK * BATCH)) {
            let left = Matrix { values: rows, shape: [BLOCK, WIDTH], row_step: WIDTH, column_step: 1 };
            multiply(left, batch, out).unwrap();
        }
    });
}

#[divan::bench]
fn weight_gradients(bencher: Bencher<'_, '_>) {
    run(bencher, |weights, batch, result| {
        for (rows, out) in result.chunks(BLOCK * BATCH).zip(weights.chunks_mut(BLOCK * WIDTH)) {
            let left = Matrix { values: rows, shape: [BLOCK, BATCH], row_step: BATCH, column_step: 1 };
            multiply(left, batch, out).unwrap();
        }
    });
}

#[divan::bench]
fn input_gradients(bencher: Bencher<'_, '_>) {
    run(bencher, |weights, batch, result| {
        for (first, out) in (0..WIDTH).step_by(BLOCK).zip(result.chunks_mut(BLOCK * BATCH)) {
            let left = Matrix { values: &weights[first..], shape: [BLOCK, WIDTH], row_step: 1, column_step: WIDTH };
            multiply(left, batch, out).unwrap();
        }
    });
}
