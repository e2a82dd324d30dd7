//! Stochastic gradient descent.

use tl_torch::TorchError;

use super::{SgdConfig, lists::Lists};

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

/// On plain f32.
pub(super) fn step_slices(parameter: &mut [f32], gradient: &[f32], state: &mut [&mut [f32]], step: &SgdStep) {
    match state.first_mut() {
        Some(velocity) => step_momentum(parameter, gradient, velocity, step),
        None => step_plain(parameter, gradient, step),
    }
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

/// The same with libtorch's operators.
pub(super) fn step_lists(lists: &mut Lists, steps: &[SgdStep]) -> Result<(), TorchError> {
    let decayed = lists.decayed(steps.iter().map(|step| step.weight_decay))?;
    let Lists { parameters, gradients, states } = lists;
    let gradients = decayed.as_ref().unwrap_or(gradients);
    let Some(step) = steps.first() else { return Ok(()) };
    let rates: Vec<f64> = steps.iter().map(|step| step.rate).collect();
    let change = match states.first_mut() {
        None => gradients.scaled(&rates)?,
        Some(velocity) => {
            let momenta = vec![step.momentum; steps.len()];
            velocity.scale(&momenta)?;
            velocity.add(gradients, 1.0)?;
            match step.nesterov {
                true => gradients.sum(&velocity.scaled(&momenta)?, 1.0)?.scaled(&rates)?,
                false => velocity.scaled(&rates)?,
            }
        }
    };
    parameters.add(&change, -1.0)
}
