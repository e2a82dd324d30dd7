//! Steps on parameters of any device and kind, all at once.

use tch::Tensor;
use tl_torch::{TensorList, TorchError};

use super::{OptimizerConfig, Slot, adam, lion, rmsprop, sgd};

/// A parameter's step: along which gradient, at which learning rate.
pub(super) struct Move<'a> {
    pub(super) slot: &'a mut Slot,
    pub(super) gradient: Tensor,
    pub(super) lr: f64,
}

/// Parameters with their gradients, and what is remembered about them: a list for each of the state's names.
pub(super) struct Lists {
    pub(super) parameters: TensorList,
    pub(super) gradients: TensorList,
    pub(super) states: Vec<TensorList>,
}

/// The `n`-th step of an optimizer, from 1, with as many calls for all of `moves` as for one.
pub(super) fn step(config: &OptimizerConfig, moves: &[Move<'_>], n: u64) -> Result<(), TorchError> {
    let _guard = tch::no_grad_guard();
    let mut lists = Lists::new(config, moves)?;
    let scaled = moves.iter().map(|step| (step.lr * step.slot.lr_scale, step.slot.weight_decay));
    match config {
        OptimizerConfig::Adam(config) => {
            adam::step_lists(&mut lists, &scaled.map(|(lr, decay)| config.step(n, lr, decay)).collect::<Vec<_>>())
        }
        OptimizerConfig::Sgd(config) => {
            sgd::step_lists(&mut lists, &scaled.map(|(lr, decay)| config.step(lr, decay)).collect::<Vec<_>>())
        }
        OptimizerConfig::RmsProp(config) => {
            rmsprop::step_lists(&mut lists, &scaled.map(|(lr, decay)| config.step(lr, decay)).collect::<Vec<_>>())
        }
        OptimizerConfig::Lion(config) => {
            lion::step_lists(&mut lists, &scaled.map(|(lr, decay)| config.step(lr, decay)).collect::<Vec<_>>())
        }
    }
}

/// Multiplies parameters by what weight decay leaves of each; nothing is done where that is all of them.
pub(super) fn shrink(parameters: &mut TensorList, keep: impl Iterator<Item = f64>) -> Result<(), TorchError> {
    let keep: Vec<f64> = keep.collect();
    if keep.iter().any(|&keep| keep < 1.0) { parameters.scale(&keep) } else { Ok(()) }
}

impl Lists {
    fn new(config: &OptimizerConfig, moves: &[Move<'_>]) -> Result<Self, TorchError> {
        let state = |i: usize| TensorList::new(moves.iter().filter_map(|step| step.slot.state.get(i)));
        Ok(Self {
            parameters: TensorList::new(moves.iter().map(|step| &step.slot.parameter))?,
            gradients: TensorList::new(moves.iter().map(|step| &step.gradient))?,
            states: (0..config.state_names().len()).map(state).collect::<Result<_, _>>()?,
        })
    }

    /// The gradients with that of weight decay, a number for each parameter; none where nothing decays.
    pub(super) fn decayed(&self, decay: impl Iterator<Item = f64>) -> Result<Option<TensorList>, TorchError> {
        let decay: Vec<f64> = decay.collect();
        if decay.iter().all(|&decay| decay <= 0.0) {
            return Ok(None);
        }
        self.gradients.sum(&self.parameters.scaled(&decay)?, 1.0).map(Some)
    }
}
