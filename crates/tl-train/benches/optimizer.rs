//! A step of each optimizer on the 2.6 million parameters of the notebook's head, on one thread and on two.
//!
//! `cargo bench -p tl-train`

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]

use divan::Bencher;
use tl_head::{Head, HeadConfig, TensorHead};
use tl_train::{Optimizer, OptimizerConfig};

fn main() {
    tl_torch::keep_allocations();
    tl_torch::set_intra_op_threads(1);
    divan::main();
}

fn config(name: &str) -> OptimizerConfig {
    match name {
        "sgd" => OptimizerConfig::sgd(0.9, false),
        "adam" => OptimizerConfig::adam_keras(),
        "rmsprop" => OptimizerConfig::rmsprop(0.0),
        _ => OptimizerConfig::lion(0.01),
    }
}

#[divan::bench(args = ["sgd", "adam", "rmsprop", "lion"], consts = [1, 2], sample_count = 50)]
fn step<const THREADS: usize>(bencher: Bencher<'_, '_>, name: &str) {
    let head = TensorHead::of(&Head::new(&HeadConfig::notebook(1024, 3), 0).unwrap()).unwrap();
    let parameters: Vec<_> = head.parameters().into_iter().map(|(name, t)| (name, t.detach())).collect();
    let gradients: Vec<_> = parameters.iter().map(|(_, t)| t.ones_like()).collect();
    // One thing that is the pool's alone while it works: tensors may be sent to a thread, not shared with it.
    let mut state = (Optimizer::new(config(name), parameters).unwrap(), gradients);
    let pool = tl_torch::thread_pool(THREADS).unwrap();
    bencher.bench_local(|| {
        let state = &mut state;
        pool.install(move || state.0.step_gradients(&state.1, 1e-3).unwrap());
    });
}
