//! What threads share of a pass through a dense stack: the products of each layer, cut into blocks.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, prelude::*};
use tch::{Device, Kind, Tensor};
use tl_torch::{TorchError, f32_mut, f32_slice};

use crate::{
    backprop::Layer,
    error::HeadError,
    pass::Activations,
    product::{Left, product},
};

/// Rows of a product that one task works on. A constant, because BLAS may round a product in another way when it is cut up
/// otherwise, and the bits must not depend on the number of threads.
const BLOCK: i64 = 128;

/// The same of a weight's gradient: a quarter of a core's own cache holds so many in a layer of 1024.
pub(crate) const GRADIENT_BLOCK: i64 = 64;

/// The gradient of some rows of a layer, as soon as it is known.
#[derive(Debug)]
pub struct BlockGradient<'a> {
    /// The layer, from 0.
    pub layer: usize,
    /// Which rows: those from `block` times [`crate::Backprop::BLOCK_ROWS`] on.
    pub block: usize,
    /// Of the weight's rows: `[rows, n_inputs] f32`.
    pub weight: &'a Tensor,
    /// Of as many biases: `[rows] f32`.
    pub bias: &'a Tensor,
}

/// Someone who takes gradients block by block, several at once and in no order.
pub(crate) type Taker<'a> = &'a (dyn Fn(BlockGradient<'_>) -> Result<(), TorchError> + Sync);

/// Where gradients of weights go that are taken at once: memory of each thread, which never leaves its cache.
#[derive(Debug)]
pub(crate) struct Scratch(Vec<Mutex<Tensor>>);

impl Scratch {
    /// For the threads of `pool`, and rows of up to `n_inputs` numbers.
    pub(crate) fn new(pool: &ThreadPool, n_inputs: i64) -> Result<Self, tch::TchError> {
        let buffer = |_| Ok(Mutex::new(Tensor::f_zeros(GRADIENT_BLOCK * n_inputs, (Kind::Float, Device::Cpu))?));
        Ok(Self((0..pool.current_num_threads()).map(buffer).collect::<Result<_, tch::TchError>>()?))
    }
}

/// A product on one block. Tasks of a stage do not touch each other's outputs.
#[derive(Debug)]
pub(crate) enum Task {
    /// `output = W input + b`, negative values cut where `relu` says so, and its transpose.
    Outputs { weight: Tensor, bias: Tensor, input: Tensor, output: Tensor, turned: Tensor, relu: bool },
    /// `weight_gradient = gradient input^T`, and its sums for the bias.
    Weights {
        layer: usize,
        block: usize,
        gradient: Tensor,
        turned_input: Tensor,
        weight_gradient: Tensor,
        bias_gradient: Tensor,
    },
    /// `input_gradient = W^T gradient` for inputs from `first` on, where the input is above zero: it came out of a relu.
    Inputs { weight: Tensor, first: i64, gradient: Tensor, input: Tensor, input_gradient: Tensor },
}

impl Task {
    /// `taker` has gradients of weights instead of the task's own buffer.
    fn run(&mut self, taker: Option<(Taker<'_>, &Scratch)>) -> Result<(), HeadError> {
        match self {
            Self::Outputs { weight, bias, input, output, turned, relu } => {
                product(Left::Rows(weight), input, output)?;
                let n = input.size()[1] as usize;
                for (row, &bias) in f32_mut(output)?.chunks_exact_mut(n).zip(f32_slice(bias)?) {
                    for y in row {
                        let sum = *y + bias;
                        // Not `max`, which would hide that a number is none.
                        *y = if *relu && sum < 0.0 { 0.0 } else { sum };
                    }
                }
                turned.f_copy_(&output.f_tr()?)?;
            }
            Self::Weights { layer, block, gradient, turned_input, weight_gradient, bias_gradient } => {
                let _ = gradient.f_sum_intlist_out(bias_gradient, &[1][..], false, Kind::Float)?;
                let Some((take, Scratch(buffers))) = taker else {
                    return product(Left::Rows(gradient), turned_input, weight_gradient);
                };
                let own =
                    rayon::current_thread_index().and_then(|thread| buffers.get(thread)).ok_or(HeadError::Pool)?;
                let buffer = own.lock().unwrap_or_else(PoisonError::into_inner);
                let mut weight = buffer.f_narrow(0, 0, weight_gradient.numel() as i64)?.f_view_as(weight_gradient)?;
                product(Left::Rows(gradient), turned_input, &mut weight)?;
                take(BlockGradient { layer: *layer, block: *block, weight: &weight, bias: bias_gradient })?;
            }
            Self::Inputs { weight, first, gradient, input, input_gradient } => {
                product(Left::Columns { matrix: weight, first: *first }, gradient, input_gradient)?;
                for (g, &x) in f32_mut(input_gradient)?.iter_mut().zip(f32_slice(input)?) {
                    *g = if x <= 0.0 { 0.0 } else { *g };
                }
            }
        }
        Ok(())
    }
}

/// Runs the tasks of a stage; a single one is not worth waking a thread for.
pub(crate) fn run(
    stage: &mut [Task],
    pool: &ThreadPool,
    taker: Option<(Taker<'_>, &Scratch)>,
) -> Result<(), HeadError> {
    match stage.len() > 1 && pool.current_num_threads() > 1 {
        true => pool.install(|| stage.par_iter_mut().with_max_len(1).try_for_each(|task| task.run(taker))),
        false => stage.iter_mut().try_for_each(|task| task.run(taker)),
    }
}

/// Those that compute `output` from `input`.
pub(crate) fn outputs(
    layer: &Layer,
    input: &Activations,
    output: &Activations,
    relu: bool,
) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n)| {
        Ok(Task::Outputs {
            weight: layer.weight.f_narrow(0, first, n)?,
            bias: layer.bias.f_narrow(0, first, n)?,
            input: input.values.shallow_clone(),
            output: output.values.f_narrow(0, first, n)?,
            turned: output.turned.f_narrow(1, first, n)?,
            relu,
        })
    };
    blocks(&output.values, BLOCK).map(task).collect()
}

/// Those that compute the gradients of a layer's weight and bias.
pub(crate) fn weights(
    layer: usize,
    gradient: &Tensor,
    input: &Activations,
    weight: &Tensor,
    bias: &Tensor,
) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n): (i64, i64)| {
        Ok(Task::Weights {
            layer,
            block: (first / GRADIENT_BLOCK) as usize,
            gradient: gradient.f_narrow(0, first, n)?,
            turned_input: input.turned.shallow_clone(),
            weight_gradient: weight.f_narrow(0, first, n)?,
            bias_gradient: bias.f_narrow(0, first, n)?,
        })
    };
    blocks(gradient, GRADIENT_BLOCK).map(task).collect()
}

/// Those that compute the gradient of `input`, into `into`.
pub(crate) fn inputs(
    layer: &Layer,
    gradient: &Tensor,
    input: &Activations,
    into: &Tensor,
) -> Result<Vec<Task>, tch::TchError> {
    let task = |(first, n)| {
        Ok(Task::Inputs {
            weight: layer.weight.shallow_clone(),
            first,
            gradient: gradient.shallow_clone(),
            input: input.values.f_narrow(0, first, n)?,
            input_gradient: into.f_narrow(0, first, n)?,
        })
    };
    blocks(into, BLOCK).map(task).collect()
}

/// Start and length of each block of up to `n_rows` rows.
fn blocks(matrix: &Tensor, n_rows: i64) -> impl Iterator<Item = (i64, i64)> + use<> {
    let n = matrix.size().first().copied().unwrap_or(0);
    (0..n).step_by(n_rows as usize).map(move |first| (first, n_rows.min(n - first)))
}
