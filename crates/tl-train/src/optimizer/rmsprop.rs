//! `RMSprop`.

use multiversion::multiversion;
use tch::Tensor;
use tl_torch::{TorchError, f32_mut};

use super::{RmsPropConfig, Slot};

/// The numbers of one step: `v` moves towards the squared gradient, `b = momentum·b + g / (sqrt(v) + epsilon)`, and
/// then `p -= rate·b`; without momentum `b` is not kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct RmsPropStep {
    rate: f64,
    /// `1 - decay`.
    towards: f64,
    epsilon: f64,
    momentum: f64,
    weight_decay: f64,
}

impl RmsPropConfig {
    /// The numbers of a step with what the parameter's group decays.
    pub(super) fn step(&self, lr: f64, weight_decay: f64) -> RmsPropStep {
        let Self { decay, epsilon, momentum, .. } = *self;
        RmsPropStep { rate: lr, towards: 1.0 - decay, epsilon, momentum, weight_decay }
    }
}

pub(super) fn step(slot: &mut Slot, gradient: &Tensor, step: &RmsPropStep) -> Result<(), TorchError> {
    let plain = slot.is_plain(gradient);
    let Some((square, velocity)) = slot.state.split_first_mut() else { return Ok(()) };
    let velocity = velocity.first_mut();
    if !plain {
        return step_tensors(&mut slot.parameter, gradient, square, velocity, step);
    }
    let mut gradient = gradient.shallow_clone();
    let (parameter, gradient, square) = (f32_mut(&mut slot.parameter)?, f32_mut(&mut gradient)?, f32_mut(square)?);
    match velocity {
        Some(velocity) => step_momentum(parameter, gradient, square, f32_mut(velocity)?, step),
        None => step_plain(parameter, gradient, square, step),
    }
    Ok(())
}

impl RmsPropStep {
    /// The direction of one number, after its mean square has moved.
    #[inline]
    fn direction(&self, p: f32, g: f32, v: &mut f32) -> f32 {
        let g = g + self.weight_decay as f32 * p;
        *v += self.towards as f32 * (g * g - *v);
        g / (v.sqrt() + self.epsilon as f32)
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn step_plain(parameter: &mut [f32], gradient: &[f32], square: &mut [f32], step: &RmsPropStep) {
    let rate = step.rate as f32;
    for ((p, &g), v) in parameter.iter_mut().zip(gradient).zip(square) {
        *p -= rate * step.direction(*p, g, v);
    }
}

#[multiversion(targets("x86_64+avx512f+avx512vl", "x86_64+avx2"))]
fn step_momentum(
    parameter: &mut [f32],
    gradient: &[f32],
    square: &mut [f32],
    velocity: &mut [f32],
    step: &RmsPropStep,
) {
    let (rate, momentum) = (step.rate as f32, step.momentum as f32);
    for (((p, &g), v), b) in parameter.iter_mut().zip(gradient).zip(square).zip(velocity) {
        *b = momentum * *b + step.direction(*p, g, v);
        *p -= rate * *b;
    }
}

/// The same with libtorch's operators, for other devices and kinds.
fn step_tensors(
    parameter: &mut Tensor,
    gradient: &Tensor,
    square: &mut Tensor,
    velocity: Option<&mut Tensor>,
    step: &RmsPropStep,
) -> Result<(), TorchError> {
    let gradient = gradient.f_add(&parameter.f_mul_scalar(step.weight_decay)?)?;
    let _ = square.f_lerp_(&gradient.f_mul(&gradient)?, step.towards)?;
    let direction = gradient.f_div(&square.f_sqrt()?.f_add_scalar_(step.epsilon)?)?;
    let direction = match velocity {
        Some(velocity) => velocity.f_mul_scalar_(step.momentum)?.f_add_(&direction)?,
        None => direction,
    };
    let _ = parameter.f_sub_(&direction.f_mul_scalar(step.rate)?)?;
    Ok(())
}
