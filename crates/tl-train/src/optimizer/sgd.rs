//! Stochastic gradient descent.

use tch::Tensor;
use tl_torch::{TorchError, f32_mut};

use super::{SgdConfig, Slot};

/// The numbers of one step.
#[derive(Debug, Clone, Copy)]
pub(super) struct SgdStep {
    rate: f64,
    momentum: f64,
    nesterov: bool,
    weight_decay: f64,
}

impl SgdConfig {
    /// The numbers of a step with what the parameter's group decays.
    pub(super) fn step(&self, lr: f64, weight_decay: f64) -> SgdStep {
        SgdStep { rate: lr, momentum: self.momentum, nesterov: self.nesterov, weight_decay }
    }
}

pub(super) fn step(slot: &mut Slot, gradient: &Tensor, step: &SgdStep) -> Result<(), TorchError> {
    if !slot.is_plain(gradient) {
        return step_tensors(&mut slot.parameter, gradient, slot.state.first_mut(), step);
    }
    let mut gradient = gradient.shallow_clone();
    let (parameter, gradient) = (f32_mut(&mut slot.parameter)?, f32_mut(&mut gradient)?);
    match slot.state.first_mut() {
        Some(velocity) => step_momentum(parameter, gradient, f32_mut(velocity)?, step),
        None => step_plain(parameter, gradient, step),
    }
    Ok(())
}

fn step_plain(parameter: &mut [f32], gradient: &[f32], step: &SgdStep) {
    let (rate, decay) = (step.rate as f32, step.weight_decay as f32);
    parameter.iter_mut().zip(gradient).for_each(|(p, &g)| *p -= rate * (g + decay * *p));
}

fn step_momentum(parameter: &mut [f32], gradient: &[f32], velocity: &mut [f32], step: &SgdStep) {
    let (rate, momentum, decay) = (step.rate as f32, step.momentum as f32, step.weight_decay as f32);
    for ((p, &g), v) in parameter.iter_mut().zip(gradient).zip(velocity) {
        let g = g + decay * *p;
        *v = momentum * *v + g;
        *p -= rate * if step.nesterov { g + momentum * *v } else { *v };
    }
}

/// The same with libtorch's operators, for other devices and kinds.
fn step_tensors(
    parameter: &mut Tensor,
    gradient: &Tensor,
    velocity: Option<&mut Tensor>,
    step: &SgdStep,
) -> Result<(), TorchError> {
    let gradient = gradient.f_add(&parameter.f_mul_scalar(step.weight_decay)?)?;
    let direction = match velocity {
        None => gradient,
        Some(velocity) => {
            let velocity = velocity.f_mul_scalar_(step.momentum)?.f_add_(&gradient)?;
            if step.nesterov { gradient.f_add(&velocity.f_mul_scalar(step.momentum)?)? } else { velocity }
        }
    };
    let _ = parameter.f_sub_(&direction.f_mul_scalar(step.rate)?)?;
    Ok(())
}
