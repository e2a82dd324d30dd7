//! A parameter and its state.

use rayon::prelude::*;
use tch::{Device, Kind, Tensor};
use tl_torch::{TorchError, f32_mut, f32_slice};

use super::{OptimizerConfig, group::Group};

/// A parameter with what is remembered about it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    pub(super) parameter: Tensor,
    pub(super) state: Vec<Tensor>,
    /// Times the step's learning rate.
    pub(super) lr_scale: f64,
    /// Zero where the parameter is spared.
    pub(super) weight_decay: f64,
}

impl Slot {
    /// The `n`-th step along a gradient, where both [are plain](Self::is_plain).
    pub(super) fn step(
        &mut self,
        config: &OptimizerConfig,
        gradient: &Tensor,
        n: u64,
        lr: f64,
    ) -> Result<(), TorchError> {
        let _guard = tch::no_grad_guard();
        let (parameter, gradient) = (f32_mut(&mut self.parameter)?, f32_slice(gradient)?);
        let mut state = self.state.iter_mut().map(f32_mut).collect::<Result<Vec<_>, _>>()?;
        config.step_slices(parameter, gradient, &mut state, n, (lr * self.lr_scale, self.weight_decay));
        Ok(())
    }

    /// Whether the values can be seen as slices that pair up element by element.
    pub(super) fn is_plain(&self, gradient: &Tensor) -> bool {
        let plain = |t: &Tensor| t.kind() == Kind::Float && t.device() == Device::Cpu && t.is_contiguous();
        plain(&self.parameter) && plain(gradient)
    }
}

/// A slot for each parameter of a group. Weight decay spares biases and norms, which have one dimension.
pub(super) fn slots(config: &OptimizerConfig, group: Group) -> Result<Vec<Slot>, TorchError> {
    let Group { lr_scale, weight_decay, parameters, .. } = group;
    let weight_decay = weight_decay.unwrap_or_else(|| config.weight_decay());
    let slot = |(name, parameter): (String, Tensor)| {
        let state = config.state_names().iter().map(|_| zeros_like(&parameter)).collect::<Result<_, _>>()?;
        let weight_decay = if parameter.dim() > 1 { weight_decay } else { 0.0 };
        Ok(Slot { name, parameter, state, lr_scale, weight_decay })
    };
    parameters.into_par_iter().map(slot).collect()
}

/// Zeros in plain order, whatever the parameter's strides.
fn zeros_like(parameter: &Tensor) -> Result<Tensor, TorchError> {
    Ok(Tensor::f_zeros(parameter.size(), (parameter.kind(), parameter.device()))?)
}
