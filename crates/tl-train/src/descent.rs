//! A step of training a head: loss, gradients, and the optimizer along them. Without libtorch, which takes a fifth of a
//! second to load.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use rayon::{ThreadPool, ThreadPoolBuilder};
use tl_head::{
    Backprop, BlockGradient, BlockParameters, Head, HeadConfig, LossOptions, RowLoss, Targets, mixed_row_loss,
};
use tl_torch::{Array, TorchError};

use crate::{error::TrainError, gradients::Clipping, optimizer::BlockOptimizer, options::TrainOptions};

/// Rows whose activations are held at a time where there is nothing to learn from.
const ROWS_AT_A_TIME: usize = 256;

/// What takes a head downhill, with the threads that do it.
pub(crate) struct Descent {
    pool: ThreadPool,
    clipping: Clipping,
    work: Work,
}

/// What the pool's threads work on.
struct Work {
    backprop: Backprop,
    optimizer: BlockOptimizer,
}

/// Rows to learn from, and what each part of them is to be answered with, as [`mixed_row_loss`] takes it.
pub(crate) struct Batch {
    /// `[N, n_features]`, row by row.
    pub(crate) features: Vec<f32>,
    pub(crate) targets: Vec<(Targets, f64)>,
}

impl Descent {
    /// From where `head` stands.
    pub(crate) fn new(options: &TrainOptions, head: &Head) -> Result<Self, TrainError> {
        // Never 0, for which rayon would ask the environment.
        let n_threads = tl_data::n_threads(options.threads);
        let pool = ThreadPoolBuilder::new().num_threads(n_threads).thread_name(|i| format!("head-{i}")).build();
        let pool = pool.map_err(|error| TorchError::Threads(error.to_string()))?;
        let backprop = Backprop::new(head);
        let optimizer = BlockOptimizer::new(options.optimizer_config(), &backprop)?;
        Ok(Self { pool, clipping: options.clipping(), work: Work { backprop, optimizer } })
    }

    /// Takes a step with learning rate `lr`, unless the loss is not a finite number. Returns the logits, row by row, and
    /// the loss.
    pub(crate) fn step(&mut self, batch: &Batch, loss: &LossOptions, lr: f64) -> Result<(Vec<f32>, f64), TrainError> {
        let n_classes = self.config().n_classes;
        let Self { pool, clipping, work } = self;
        let loss = |logits: &[f32]| Ok(mixed_row_loss(logits, n_classes, &batch.targets, loss)?);
        // All of it in one visit: to come in and to wake up takes as long as a small product.
        pool.install(|| match *clipping == Clipping::default() {
            true => work.step(&batch.features, loss, lr),
            false => work.clipped_step(&batch.features, loss, lr, clipping),
        })
    }

    /// The head's logits of `features` `[N, n_features]`, row by row, on all threads.
    pub(crate) fn logits(&mut self, features: &[f32]) -> Result<Vec<f32>, TrainError> {
        let parts = features.chunks(ROWS_AT_A_TIME * self.config().n_features);
        let (pool, backprop) = (&self.pool, &mut self.work.backprop);
        pool.install(|| {
            let mut logits = Vec::new();
            for part in parts {
                logits.extend_from_slice(backprop.logits(part)?);
            }
            Ok(logits)
        })
    }

    /// The sizes of the head.
    pub(crate) fn config(&self) -> &HeadConfig {
        self.work.backprop.config()
    }

    /// The head as it is now.
    pub(crate) fn head(&self) -> Result<Head, TrainError> {
        Ok(self.work.backprop.head()?)
    }

    /// Its parameters, see [`Backprop::parameters`].
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (String, &[f32], Vec<usize>)> {
        self.work.backprop.parameters()
    }

    pub(crate) fn n_threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// What the optimizer remembers, see [`BlockOptimizer::state`].
    pub(crate) fn optimizer(&self) -> &BlockOptimizer {
        &self.work.optimizer
    }

    /// See [`BlockOptimizer::load_state`].
    pub(crate) fn load_state(&mut self, n_steps: u64, arrays: &BTreeMap<String, Array>) -> Result<(), TrainError> {
        self.work.optimizer.load_state(n_steps, arrays)
    }
}

impl Work {
    /// Along each block of gradients as soon as it is known.
    fn step(
        &mut self,
        features: &[f32],
        loss: impl FnOnce(&[f32]) -> Result<RowLoss, TrainError>,
        lr: f64,
    ) -> Result<(Vec<f32>, f64), TrainError> {
        let step = self.optimizer.step(lr);
        let (logits, value) = self.backprop.run(features, loss, &|own, gradient| step.along(own, gradient))?;
        Ok((logits.to_vec(), value))
    }

    /// The same where all gradients must be seen before the first can be followed.
    fn clipped_step(
        &mut self,
        features: &[f32],
        loss: impl FnOnce(&[f32]) -> Result<RowLoss, TrainError>,
        lr: f64,
        clipping: &Clipping,
    ) -> Result<(Vec<f32>, f64), TrainError> {
        let gradients = Mutex::new(BTreeMap::new());
        let keep = |own: BlockParameters<'_>, BlockGradient { weight, bias }: BlockGradient<'_>| {
            let mut gradients = gradients.lock().unwrap_or_else(PoisonError::into_inner);
            gradients.insert((own.layer, own.block), [weight.to_vec(), bias.to_vec()]);
        };
        let (logits, value) = self.backprop.run(features, loss, &keep)?;
        let logits = logits.to_vec();
        let mut gradients = gradients.into_inner().unwrap_or_else(PoisonError::into_inner);
        clipping.apply_to_slices(&mut gradients.values_mut().flatten().map(Vec::as_mut_slice).collect::<Vec<_>>());
        let step = self.optimizer.step(lr);
        self.backprop.for_each_block(&|own| {
            if let Some([weight, bias]) = gradients.get(&(own.layer, own.block)) {
                step.along(own, BlockGradient { weight, bias });
            }
        });
        Ok((logits, value))
    }
}
