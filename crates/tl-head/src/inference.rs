//! The inference form of a head.

use std::collections::BTreeMap;

use tl_kernels::{Matrix, Numbers, multiply};
use tl_torch::Array;

use crate::{
    config::HeadConfig,
    error::HeadError,
    head::{Head, bias_name, check_parameters, weight_name},
};

/// A dense stack that only answers, on one thread and without libtorch: a program that just predicts need not load it.
#[derive(Debug, Clone)]
pub struct InferenceHead {
    config: HeadConfig,
    /// Weight `[outputs, inputs]` and bias `[outputs]`.
    layers: Vec<[Array; 2]>,
}

/// Rows that go through the stack together: wide enough for the kernels, and their activations stay in a core's cache.
const ROWS: usize = 64;

impl InferenceHead {
    /// A head from saved parameters, named as [`Head`]'s; all that is missing, unexpected or of another shape is listed.
    pub fn from_arrays(config: &HeadConfig, mut arrays: BTreeMap<String, Array>) -> Result<Self, HeadError> {
        config.check()?;
        check_parameters(config, &arrays.iter().map(|(name, array)| (name.clone(), array.shape().to_vec())).collect())?;
        let layers = (0..=config.hidden.len()).filter_map(|i| {
            // The check above saw every name.
            Some([arrays.remove(&weight_name(i))?, arrays.remove(&bias_name(i))?])
        });
        Ok(Self { config: config.clone(), layers: layers.collect() })
    }

    /// A copy of a head as it is now.
    pub fn of(head: &Head) -> Result<Self, HeadError> {
        let copy = |(name, tensor)| Ok((name, Array::of_tensor(tensor)?));
        Self::from_arrays(head.config(), head.parameters().into_iter().map(copy).collect::<Result<_, HeadError>>()?)
    }

    /// Logits `[N, n_classes]` of features `[N, n_features]`, both row by row; those of [`Head::forward`] but for
    /// rounding, and the same for a row whatever rows are beside it.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, HeadError> {
        let width = self.config.n_features;
        if !features.len().is_multiple_of(width) {
            let found = vec![features.len() as i64];
            return Err(HeadError::Shape { what: "features", expected: format!("[N, {width}]"), found });
        }
        let mut logits = Vec::with_capacity(features.len() / width * self.config.n_classes);
        for rows in features.chunks(ROWS * width) {
            logits.extend(self.logits_of(rows)?);
        }
        Ok(logits)
    }

    fn logits_of(&self, rows: &[f32]) -> Result<Vec<f32>, HeadError> {
        let mut x = transposed(rows, self.config.n_features);
        let n = rows.len() / self.config.n_features;
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            let mut y = vec![0.0; bias.values().len() * n];
            product(weight, &x, &mut y)?;
            for (outputs, bias) in y.chunks_exact_mut(n).zip(bias.values()) {
                for y in outputs {
                    *y += bias;
                }
            }
            if i + 1 < self.layers.len() {
                // Not `max`, which would hide that a number is none.
                y.iter_mut().filter(|y| **y < 0.0).for_each(|y| *y = 0.0);
            }
            x = y;
        }
        Ok(transposed(&x, n))
    }
}

/// `y = weight · x`, for `x` `[inputs, n]` and `y` `[outputs, n]`, which holds zeros.
fn product(weight: &Array, x: &[f32], y: &mut [f32]) -> Result<(), HeadError> {
    let [n_outputs, n_inputs] = [weight.shape()[0], weight.shape()[1]];
    if Numbers::F32.is_supported() {
        let left = Matrix { values: weight.values(), shape: [n_outputs, n_inputs], row_step: n_inputs, column_step: 1 };
        return Ok(multiply(left, x, y)?);
    }
    let n = y.len() / n_outputs;
    for (weights, y) in weight.values().chunks_exact(n_inputs).zip(y.chunks_exact_mut(n)) {
        for (weight, x) in weights.iter().zip(x.chunks_exact(n)) {
            y.iter_mut().zip(x).for_each(|(y, x)| *y += weight * x);
        }
    }
    Ok(())
}

/// The transpose of a matrix with rows of `width` values.
fn transposed(matrix: &[f32], width: usize) -> Vec<f32> {
    let column = |i: usize| matrix.iter().skip(i).step_by(width).copied();
    (0..width).flat_map(column).collect()
}
