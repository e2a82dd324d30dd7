//! Steps on blocks of rows, each as soon as its gradient is known.

use std::sync::{Mutex, PoisonError};

use tch::Tensor;
use tl_torch::TorchError;

use super::{Optimizer, OptimizerConfig, Slot};
use crate::error::TrainError;

/// The parameters of an [`Optimizer`] and what it remembers of them, cut into blocks of rows: views of the same numbers.
#[derive(Debug)]
pub(crate) struct Blocks {
    /// By parameter, then by block. Nobody waits for a lock: a block is stepped on once in a step.
    slots: Vec<Vec<Mutex<Slot>>>,
}

/// One step of all blocks.
#[derive(Debug)]
pub(crate) struct BlockStep<'a> {
    slots: &'a [Vec<Mutex<Slot>>],
    config: &'a OptimizerConfig,
    n: u64,
    lr: f64,
}

impl Blocks {
    /// Of up to `n_rows` rows each.
    pub(crate) fn new(optimizer: &Optimizer, n_rows: i64) -> Result<Self, TrainError> {
        let slots = optimizer.slots.iter().map(|slot| slot.blocks(n_rows)).collect::<Result<_, _>>()?;
        Ok(Self { slots })
    }

    /// The next step of `optimizer`, whose blocks these are, with learning rate `lr`.
    pub(crate) fn step<'a>(&'a self, optimizer: &'a mut Optimizer, lr: f64) -> BlockStep<'a> {
        optimizer.n_steps += 1;
        BlockStep { slots: &self.slots, config: &optimizer.config, n: optimizer.n_steps, lr }
    }
}

impl BlockStep<'_> {
    /// Takes it on one block, along `gradient`.
    pub(crate) fn along(&self, parameter: usize, block: usize, gradient: &Tensor) -> Result<(), TorchError> {
        let slot = &self.slots[parameter][block];
        slot.lock().unwrap_or_else(PoisonError::into_inner).step(self.config, gradient, self.n, self.lr)
    }
}

impl Slot {
    fn blocks(&self, n_rows: i64) -> Result<Vec<Mutex<Self>>, TorchError> {
        let all = self.parameter.size().first().copied().unwrap_or(0);
        let starts = (0..all).step_by(n_rows as usize);
        starts.map(|first| Ok(Mutex::new(self.rows(first, n_rows.min(all - first))?))).collect()
    }

    fn rows(&self, first: i64, n: i64) -> Result<Self, TorchError> {
        let _guard = tch::no_grad_guard();
        Ok(Self {
            name: self.name.clone(),
            parameter: self.parameter.f_detach()?.f_narrow(0, first, n)?,
            state: self
                .state
                .iter()
                .map(|state| Ok(state.f_narrow(0, first, n)?))
                .collect::<Result<_, TorchError>>()?,
            lr_scale: self.lr_scale,
            weight_decay: self.weight_decay,
        })
    }
}
