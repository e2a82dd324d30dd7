//! A step of training a head: loss, gradients, and the optimizer along them.

use std::collections::BTreeMap;

use rayon::ThreadPool;
use tch::Tensor;
use tl_head::{Backprop, BlockGradient, Head, LossOptions, mixed_cross_entropy};

use crate::{
    error::TrainError,
    gradients::Clipping,
    optimizer::{Blocks, Optimizer},
    options::TrainOptions,
};

/// Rows whose activations are held at a time where there is nothing to learn from.
const ROWS_AT_A_TIME: i64 = 256;

/// What takes a head downhill, with the threads that do it.
pub(crate) struct Descent {
    pool: ThreadPool,
    work: Work,
}

/// What the pool's threads work with.
struct Work {
    backprop: Backprop,
    optimizer: Optimizer,
    /// The optimizer's own, for steps that need not see all gradients together.
    blocks: Blocks,
    clipping: Clipping,
}

/// Rows to learn from, and what each part of them is to be answered with, as [`mixed_cross_entropy`] takes it.
pub(crate) struct Batch {
    /// `[N, n_features] f32`.
    pub(crate) features: Tensor,
    pub(crate) targets: Vec<(Tensor, f64)>,
}

impl Descent {
    /// Of the parameters of `head`, where they are.
    pub(crate) fn new(options: &TrainOptions, head: &Head) -> Result<Self, TrainError> {
        let pool = tl_torch::thread_pool(options.threads)?;
        let (config, parameters) = (options.optimizer_config(), head.trainable());
        let optimizer = pool.install(move || Optimizer::new(config, parameters))?;
        let blocks = Blocks::new(&optimizer, Backprop::BLOCK_ROWS)?;
        let work = Work { backprop: Backprop::new(head)?, optimizer, blocks, clipping: options.clipping() };
        Ok(Self { pool, work })
    }

    /// Takes a step with learning rate `lr`, unless the loss is not a finite number. Returns the logits, valid until
    /// the next step, and the loss.
    pub(crate) fn step(&mut self, batch: Batch, loss: &LossOptions, lr: f64) -> Result<(Tensor, f64), TrainError> {
        let (pool, work) = (&self.pool, &mut self.work);
        // All of it in one visit: to come in and to wake up takes as long as a small product.
        pool.install(move || work.step(&batch, loss, lr, pool))
    }

    /// The head's logits of `features` `[N, n_features] f32`, on all threads.
    pub(crate) fn logits(&mut self, features: &Tensor) -> Result<Tensor, TrainError> {
        let (pool, work) = (&self.pool, &mut self.work);
        let parts = features.f_split(ROWS_AT_A_TIME, 0)?;
        let logits = move |part: &Tensor| Ok(work.backprop.logits(part, pool)?.f_detach_copy()?);
        let parts = pool.install(move || parts.iter().map(logits).collect::<Result<Vec<_>, TrainError>>())?;
        Ok(Tensor::f_cat(&parts, 0)?)
    }

    /// What the optimizer remembers, see [`Optimizer::state_tensors`].
    pub(crate) fn state_tensors(&self) -> Vec<(String, Tensor)> {
        self.work.optimizer.state_tensors()
    }

    /// See [`Optimizer::load_state`].
    pub(crate) fn load_state(&mut self, tensors: BTreeMap<String, Tensor>) -> Result<(), TrainError> {
        self.work.optimizer.load_state(tensors)
    }
}

impl Work {
    fn step(
        &mut self,
        batch: &Batch,
        loss: &LossOptions,
        lr: f64,
        pool: &ThreadPool,
    ) -> Result<(Tensor, f64), TrainError> {
        let loss = |logits: &Tensor| mixed_cross_entropy(logits, &batch.targets, loss);
        if self.clipping == Clipping::default() {
            let step = self.blocks.step(&mut self.optimizer, lr);
            let take = |gradient: BlockGradient<'_>| {
                step.along(2 * gradient.layer, gradient.block, gradient.weight)?;
                step.along(2 * gradient.layer + 1, gradient.block, gradient.bias)
            };
            return Ok(self.backprop.run_along(&batch.features, pool, loss, &take)?);
        }
        let (logits, value) = self.backprop.run(&batch.features, pool, loss)?;
        if value.is_finite() {
            let mut gradients = self.backprop.gradients();
            self.clipping.apply(&mut gradients)?;
            self.optimizer.step_gradients(&gradients, lr)?;
        }
        Ok((logits, value))
    }
}
