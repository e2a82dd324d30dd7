//! Tests of the public interface.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic, and may ask for the very bits")]
#![allow(clippy::excessive_precision, reason = "golden numbers stand as they were printed")]

mod backprop;
mod golden;
mod head;
mod logistic;
mod loss;
mod row_loss;
mod temperature;
mod tensor_head;

use tch::Tensor;

/// Values by a formula, `[n, width]` row-major in -2 to 2; `tests/golden.py` has the same.
fn rows(n: usize, width: usize) -> Vec<f32> {
    let value = |i: usize, j: usize| ((i * 37 + j * 101 + i * j * 13) % 64) as f32 / 16.0 - 2.0;
    (0..n).flat_map(|i| (0..width).map(move |j| value(i, j))).collect()
}

/// Labels by a formula; `tests/golden.py` has the same.
fn labels(n: usize, n_classes: usize) -> Vec<usize> {
    (0..n).map(|i| (i * i + i / 3) % n_classes).collect()
}

fn tensor(values: &[f32], n: usize) -> Tensor {
    tl_torch::tensor_from_f32(values, &[n as i64, (values.len() / n) as i64]).unwrap()
}

fn label_tensor(labels: &[usize]) -> Tensor {
    Tensor::from_slice(&labels.iter().map(|&label| label as i64).collect::<Vec<_>>())
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tl_torch::to_vec_f32(tensor).unwrap()
}

fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    for (i, (f, e)) in found.iter().zip(expected).enumerate() {
        assert!((f - e).abs() <= tolerance, "value {i} is {f} and not {e}");
    }
}
