//! `RMSprop`.

use multiversion::multiversion;
use tl_torch::TorchError;

use super::{RmsPropConfig, lists::Lists};

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

/// On plain f32.
pub(super) fn step_slices(parameter: &mut [f32], gradient: &[f32], state: &mut [&mut [f32]], step: &RmsPropStep) {
    match state {
        [square, velocity] => step_momentum(parameter, gradient, square, velocity, step),
        [square] => step_plain(parameter, gradient, square, step),
        _ => {}
    }
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

/// The same with libtorch's operators.
pub(super) fn step_lists(lists: &mut Lists, steps: &[RmsPropStep]) -> Result<(), TorchError> {
    let decayed = lists.decayed(steps.iter().map(|step| step.weight_decay))?;
    let Lists { parameters, gradients, states } = lists;
    let gradients = decayed.as_ref().unwrap_or(gradients);
    let rates: Vec<f64> = steps.iter().map(|step| step.rate).collect();
    let (Some((square, velocity)), Some(step)) = (states.split_first_mut(), steps.first()) else { return Ok(()) };
    square.move_towards(&gradients.product(gradients)?, step.towards)?;
    let mut divisor = square.sqrt()?;
    divisor.add_number(step.epsilon)?;
    let mut direction = gradients.quotient(&divisor)?;
    if let Some(velocity) = velocity.first_mut() {
        velocity.scale(&vec![step.momentum; steps.len()])?;
        velocity.add(&direction, 1.0)?;
        direction = velocity.scaled(&rates)?;
    } else {
        direction.scale(&rates)?;
    }
    parameters.add(&direction, -1.0)
}
