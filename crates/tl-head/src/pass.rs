//! Buffers of a batch on its way through a dense stack and back, and the work on them.

use std::cell::RefCell;

use rayon::prelude::*;
use tl_kernels::{Aligned, Matrix, multiply};

use crate::{
    backprop::{BlockGradient, BlockParameters, Layer},
    error::HeadError,
};

/// Rows of a layer that one task works on: their gradient takes a quarter of a core's own cache in a layer of 1024.
pub(crate) const BLOCK: usize = 64;

/// Someone who takes gradients block by block, several at once and in no order.
pub(crate) type Taker<'a> = &'a (dyn Fn(BlockParameters<'_>, BlockGradient<'_>) + Sync);

thread_local! {
    /// Gradients of weights that are taken at once: memory of each thread, which never leaves its cache.
    static SCRATCH: RefCell<Aligned> = RefCell::default();
}

/// What a layer gives, both ways round.
#[derive(Debug, Default)]
pub(crate) struct Activations {
    /// `[width, N]`, so that a block of outputs is one piece of memory.
    pub(crate) values: Aligned,
    /// `[N, width]`.
    pub(crate) turned: Aligned,
}

/// `output = W input + b`, negative values cut where `relu` says so, for `n` rows.
pub(crate) fn forward(
    layer: &Layer,
    input: &Activations,
    output: &mut Activations,
    n: usize,
    relu: bool,
) -> Result<(), HeadError> {
    output.values.set_len(layer.bias.len() * n);
    let weights = layer.weight.par_chunks(BLOCK * layer.n_inputs).zip(layer.bias.par_chunks(BLOCK));
    let blocks = weights.zip(output.values.par_chunks_mut(BLOCK * n)).with_max_len(1);
    blocks.try_for_each(|((weight, bias), output)| {
        multiply(rows(weight, layer.n_inputs), &input.values, output)?;
        for (row, &bias) in output.chunks_exact_mut(n).zip(bias) {
            for y in row {
                let sum = *y + bias;
                // Not `max`, which would hide that a number is none.
                *y = if relu && sum < 0.0 { 0.0 } else { sum };
            }
        }
        Ok(())
    })
}

/// Gives `take` the gradients of a layer, `gradient input^T` and sums for the bias, of what it knows of its outputs.
pub(crate) fn weights(
    index: usize,
    layer: &mut Layer,
    gradient: &[f32],
    input: &Activations,
    n: usize,
    take: Taker<'_>,
) -> Result<(), HeadError> {
    let n_inputs = layer.n_inputs;
    let parameters = layer.weight.par_chunks_mut(BLOCK * n_inputs).zip(layer.bias.par_chunks_mut(BLOCK));
    let blocks = parameters.zip(gradient.par_chunks(BLOCK * n)).enumerate().with_max_len(1);
    blocks.try_for_each(|(block, ((weight, bias), gradient))| {
        let mut scratch = SCRATCH.take();
        scratch.set_len(weight.len());
        multiply(rows(gradient, n), &input.turned, &mut scratch)?;
        let of_bias: Vec<f32> = gradient.chunks_exact(n).map(|row| row.iter().sum()).collect();
        let parameters = BlockParameters { layer: index, block, weight, bias };
        take(parameters, BlockGradient { weight: &scratch, bias: &of_bias });
        SCRATCH.set(scratch);
        Ok(())
    })
}

/// The gradient of a layer's input, `W^T gradient`, into `into`, where the input is above zero: it came out of a relu.
pub(crate) fn inputs(
    layer: &Layer,
    gradient: &[f32],
    input: &Activations,
    into: &mut Aligned,
    n: usize,
) -> Result<(), HeadError> {
    into.set_len(layer.n_inputs * n);
    let blocks = into.par_chunks_mut(BLOCK * n).zip(input.values.par_chunks(BLOCK * n)).enumerate().with_max_len(1);
    blocks.try_for_each(|(block, (into, input))| {
        let shape = [into.len() / n, layer.bias.len()];
        let columns =
            Matrix { values: &layer.weight[block * BLOCK..], shape, row_step: 1, column_step: layer.n_inputs };
        multiply(columns, gradient, into)?;
        for (g, &x) in into.iter_mut().zip(input) {
            *g = if x <= 0.0 { 0.0 } else { *g };
        }
        Ok(())
    })
}

/// A matrix of rows of `width` values.
fn rows(values: &[f32], width: usize) -> Matrix<'_> {
    Matrix { values, shape: [values.len() / width, width], row_step: width, column_step: 1 }
}
