//! What training a head costs, on one thread but for the folds: `cargo bench -p tl-head`.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use std::sync::atomic::AtomicBool;

use divan::Bencher;
use tch::{Device, Kind, Tensor};
use tl_head::{
    Backprop, CrossValidation, Head, HeadConfig, HeadError, LogisticOptions, LossOptions, Targets, TensorHead,
    cross_entropy, fit_logistic_cv, row_loss,
};

static NEVER: AtomicBool = AtomicBool::new(false);

fn main() {
    tl_torch::keep_allocations();
    tl_torch::set_intra_op_threads(1);
    divan::main();
}

/// Rows like a network's features: correlated, not negative, their classes overlapping.
fn table(n: i64, width: i64, n_classes: i64) -> (Tensor, Vec<usize>) {
    tch::manual_seed(0);
    let normal = |rows: i64, columns: i64| Tensor::randn([rows, columns], (Kind::Float, Device::Cpu));
    let labels = Tensor::arange(n, (Kind::Int64, Device::Cpu)).remainder(n_classes);
    let mix = normal(width, width) * (0.7 / (width as f64).sqrt());
    let centres = (normal(n_classes, width) * 0.15).index_select(0, &labels);
    let features = (normal(n, width).matmul(&mix) + centres).relu();
    (features, (0..n).map(|row| (row % n_classes) as usize).collect())
}

/// The whole choice of a linear head on two threads: 9 penalties, 5 folds.
#[divan::bench(args = [(244, 1024, 2), (2900, 1024, 5), (2900, 1280, 5)], sample_count = 10)]
fn logistic_cv(bencher: Bencher<'_, '_>, (n, width, n_classes): (i64, i64, i64)) {
    let (features, labels) = table(n, width, n_classes);
    let features = tl_torch::to_vec_f32(&features).unwrap();
    let options = LogisticOptions { n_threads: 2, ..LogisticOptions::default() };
    bencher.bench_local(|| {
        fit_logistic_cv(&features, &labels, n_classes as usize, &CrossValidation::default(), &options, &NEVER).unwrap()
    });
}

/// Forward and backward of the notebook's head on a batch of 32; the optimizer comes on top.
#[divan::bench(sample_count = 50)]
fn notebook_forward_and_backward(bencher: Bencher<'_, '_>) {
    let (features, labels) = table(32, 1024, 3);
    let labels = Tensor::from_slice(&labels.iter().map(|&label| label as i64).collect::<Vec<_>>());
    let head = TensorHead::of(&Head::new(&HeadConfig::notebook(1024, 3), 0).unwrap()).unwrap();
    let mut parameters = head.trainable();
    bencher.bench_local(|| {
        for (_, parameter) in &mut parameters {
            parameter.zero_grad();
        }
        cross_entropy(&head.forward(&features).unwrap(), &labels, &LossOptions::default()).unwrap().backward();
    });
}

/// Drawing the 2.6 million first weights of the notebook's head.
#[divan::bench(sample_count = 50)]
fn notebook_first_weights() -> Head {
    Head::new(&HeadConfig::notebook(1024, 3), 0).unwrap()
}

/// The same as `notebook_forward_and_backward`, written out, on one thread and on two; gradients are taken block by
/// block, as a step of training takes them.
#[divan::bench(args = [1, 2], sample_count = 50)]
fn notebook_backprop(bencher: Bencher<'_, '_>, n_threads: usize) {
    let (features, labels) = table(32, 1024, 3);
    let (features, targets) = (tl_torch::to_vec_f32(&features).unwrap(), Targets::Labels(labels));
    let mut backprop = Backprop::new(&Head::new(&HeadConfig::notebook(1024, 3), 0).unwrap());
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
    bencher.bench_local(|| {
        let loss = |logits: &[f32]| row_loss(logits, 3, &targets, &LossOptions::default());
        pool.install(|| backprop.run::<HeadError>(&features, loss, &|_, _| {}).unwrap().1)
    });
}
