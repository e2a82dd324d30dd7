//! Lion.

use tch::Tensor;
use tl_torch::{TorchError, f32_mut};

use super::{LionConfig, Slot};

/// The numbers of one step: `p = keep·p - rate·sign(m + (1 - beta1)·(g - m))`, then `m` moves towards the gradient.
#[derive(Debug, Clone, Copy)]
pub(super) struct LionStep {
    rate: f64,
    /// `1 - beta1` and `1 - beta2`.
    towards: [f64; 2],
    /// What weight decay leaves of a parameter.
    keep: f64,
}

impl LionConfig {
    /// The numbers of a step with what the parameter's group decays.
    pub(super) fn step(&self, lr: f64, weight_decay: f64) -> LionStep {
        LionStep { rate: lr, towards: [1.0 - self.beta1, 1.0 - self.beta2], keep: 1.0 - lr * weight_decay }
    }
}

pub(super) fn step(slot: &mut Slot, gradient: &Tensor, step: &LionStep) -> Result<(), TorchError> {
    let plain = slot.is_plain(gradient);
    let [mean] = slot.state.as_mut_slice() else { return Ok(()) };
    if !plain {
        return step_tensors(&mut slot.parameter, gradient, mean, step);
    }
    let mut gradient = gradient.shallow_clone();
    step_slices(f32_mut(&mut slot.parameter)?, f32_mut(&mut gradient)?, f32_mut(mean)?, step);
    Ok(())
}

fn step_slices(parameter: &mut [f32], gradient: &[f32], mean: &mut [f32], step: &LionStep) {
    let [towards1, towards2] = step.towards.map(|t| t as f32);
    let (rate, keep) = (step.rate as f32, step.keep as f32);
    for ((p, &g), m) in parameter.iter_mut().zip(gradient).zip(mean) {
        *p = keep * *p - rate * sign(*m + towards1 * (g - *m));
        *m += towards2 * (g - *m);
    }
}

/// As libtorch has it, zero for zero: Rust's `signum` gives 1 there, which would move what has no gradient.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The same with libtorch's operators, for other devices and kinds.
fn step_tensors(
    parameter: &mut Tensor,
    gradient: &Tensor,
    mean: &mut Tensor,
    step: &LionStep,
) -> Result<(), TorchError> {
    let [towards1, towards2] = step.towards;
    let change = mean.f_lerp(gradient, towards1)?.f_sign()?.f_mul_scalar_(step.rate)?;
    let _ = parameter.f_mul_scalar_(step.keep)?.f_sub_(&change)?;
    let _ = mean.f_lerp_(gradient, towards2)?;
    Ok(())
}
