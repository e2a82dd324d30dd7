//! Lion.

use tl_torch::TorchError;

use super::{
    LionConfig,
    lists::{Lists, shrink},
};

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

/// On plain f32.
pub(super) fn step_slices(parameter: &mut [f32], gradient: &[f32], state: &mut [&mut [f32]], step: &LionStep) {
    let [mean] = state else { return };
    let [towards1, towards2] = step.towards.map(|t| t as f32);
    let (rate, keep) = (step.rate as f32, step.keep as f32);
    for ((p, &g), m) in parameter.iter_mut().zip(gradient).zip(mean.iter_mut()) {
        *p = keep * *p - rate * sign(*m + towards1 * (g - *m));
        *m += towards2 * (g - *m);
    }
}

/// As libtorch has it, zero for zero: Rust's `signum` gives 1 there, which would move what has no gradient.
fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

/// The same with libtorch's operators.
pub(super) fn step_lists(lists: &mut Lists, steps: &[LionStep]) -> Result<(), TorchError> {
    let Lists { parameters, gradients, states } = lists;
    let ([mean], Some(LionStep { towards, .. })) = (states.as_mut_slice(), steps.first()) else { return Ok(()) };
    let mut change = mean.lerp(gradients, towards[0])?.sign()?;
    change.scale(&steps.iter().map(|step| step.rate).collect::<Vec<_>>())?;
    shrink(parameters, steps.iter().map(|step| step.keep))?;
    parameters.add(&change, -1.0)?;
    mean.move_towards(gradients, towards[1])
}
