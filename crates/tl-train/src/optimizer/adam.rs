//! Adam and `AdamW`.

use multiversion::multiversion;
use rayon::prelude::*;
use tl_torch::TorchError;

use super::{
    AdamConfig, EpsilonAt,
    lists::{Lists, shrink},
};

/// Values that a thread takes at a time: smaller parameters are not worth waking one.
const PIECE: usize = 1 << 17;

/// The numbers of one step: `m` and `v` move towards the gradient and its square, then
/// `p = keep·p - rate·m / (sqrt(v) + epsilon)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct AdamStep {
    /// `1 - beta1` and `1 - beta2`.
    towards: [f64; 2],
    /// Learning rate with both bias corrections.
    rate: f64,
    epsilon: f64,
    /// What weight decay leaves of a parameter.
    keep: f64,
}

impl AdamConfig {
    /// The numbers of the `n`-th step, from 1.
    pub(super) fn step(&self, n: u64, lr: f64, weight_decay: f64) -> AdamStep {
        // A run of 2^31 steps has no bias left to correct.
        let n = i32::try_from(n).unwrap_or(i32::MAX);
        let (bias1, bias2) = (1.0 - self.beta1.powi(n), (1.0 - self.beta2.powi(n)).sqrt());
        let epsilon = match self.epsilon_at {
            EpsilonAt::Raw => self.epsilon,
            // m/bias1 / (sqrt(v)/bias2 + e) = bias2/bias1 · m / (sqrt(v) + e·bias2)
            EpsilonAt::Corrected => self.epsilon * bias2,
        };
        let (towards, keep) = ([1.0 - self.beta1, 1.0 - self.beta2], 1.0 - lr * weight_decay);
        AdamStep { towards, rate: lr * bias2 / bias1, epsilon, keep }
    }
}

/// On plain f32. One pass over memory, which is what bounds it: as single operators the same takes seven. Shared among the
/// threads of the caller's pool; each value is computed alone, so that the bits do not depend on how.
pub(super) fn step_slices(parameter: &mut [f32], gradient: &[f32], state: &mut [&mut [f32]], step: &AdamStep) {
    let [mean, square] = state else { return };
    if parameter.len() <= PIECE {
        return step_piece(parameter, gradient, mean, square, step);
    }
    let pieces = parameter.par_chunks_mut(PIECE).zip(gradient.par_chunks(PIECE));
    let states = mean.par_chunks_mut(PIECE).zip(square.par_chunks_mut(PIECE));
    pieces.zip(states).for_each(|((p, g), (m, v))| step_piece(p, g, m, v, step));
}

/// As wide as the processor allows, for the root and the division; the bits are the same for any width.
#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn step_piece(parameter: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32], step: &AdamStep) {
    let [towards1, towards2] = step.towards.map(|t| t as f32);
    let (rate, epsilon, keep) = (step.rate as f32, step.epsilon as f32, step.keep as f32);
    for (((p, &g), m), v) in parameter.iter_mut().zip(gradient).zip(mean).zip(square) {
        *m += towards1 * (g - *m);
        *v += towards2 * (g * g - *v);
        *p = keep * *p - rate * *m / (v.sqrt() + epsilon);
    }
}

/// The same with libtorch's operators, on parameters that have the same bias corrections.
pub(super) fn step_lists(lists: &mut Lists, steps: &[AdamStep]) -> Result<(), TorchError> {
    let Lists { parameters, gradients, states } = lists;
    let ([mean, square], Some(AdamStep { towards, epsilon, .. })) = (states.as_mut_slice(), steps.first()) else {
        return Ok(());
    };
    mean.move_towards(gradients, towards[0])?;
    square.move_towards(&gradients.product(gradients)?, towards[1])?;
    let mut divisor = square.sqrt()?;
    divisor.add_number(*epsilon)?;
    let mut change = mean.quotient(&divisor)?;
    change.scale(&steps.iter().map(|step| step.rate).collect::<Vec<_>>())?;
    shrink(parameters, steps.iter().map(|step| step.keep))?;
    parameters.add(&change, -1.0)
}
