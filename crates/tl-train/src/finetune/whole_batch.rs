//! The gradient of a batch that `BatchNorm` looks at as a whole.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, prelude::*};
use tch::Tensor;
use tl_head::{LossOptions, mixed_cross_entropy};

use super::{gradients::Gradients, model::Model, photos::Photos, worker::Worker};
use crate::{error::TrainError, gradients::GradientSum, targets::n_correct};

/// Who computes, and how many photos at a time.
pub(crate) struct Crew<'a> {
    pub(crate) pool: &'a ThreadPool,
    /// As many as the pool has threads.
    pub(crate) workers: &'a mut [Worker],
    pub(crate) micro_batch: usize,
}

/// The gradient of the loss of all `batches`: the statistics are those of each.
pub(crate) fn whole_batches(
    model: &Model,
    crew: &mut Crew<'_>,
    batches: &[Photos<'_>],
    loss: &LossOptions,
) -> Result<Gradients, TrainError> {
    if let [photos] = batches {
        return whole_batch(model, crew, *photos, loss);
    }
    let (mut sum, mut value, mut n_right) = (GradientSum::default(), 0.0, 0);
    for photos in batches {
        let part = whole_batch(model, crew, *photos, loss)?;
        // A batch's loss counts by its share already.
        sum.add(&part.by_parameter, 1.0)?;
        value += part.loss;
        n_right += part.n_correct;
    }
    Ok(Gradients { by_parameter: sum.total(), loss: value, n_correct: n_right })
}

/// The gradient of `photos`' loss. Moves the statistics of trained layers.
fn whole_batch(
    model: &Model,
    crew: &mut Crew<'_>,
    photos: Photos<'_>,
    loss: &LossOptions,
) -> Result<Gradients, TrainError> {
    let mut backbone = model.backbone.synced(&frozen_activations(crew, photos)?)?;
    let features = backbone.features(crew.pool)?.f_set_requires_grad(true)?;
    let head = model.head.trainable();
    let logits = model.head.forward(&features)?;
    let targets = photos.targets()?;
    let loss = mixed_cross_entropy(&logits, &targets, loss)?;
    let leaves: Vec<&Tensor> = std::iter::once(&features).chain(head.iter().map(|(_, tensor)| tensor)).collect();
    let mut of_head = Tensor::f_run_backward(&[&loss], &leaves, false, false)?;
    let mut of_backbone = backbone.gradients(&of_head.remove(0), crew.pool)?;
    let names = model.backbone.parameters().map(|(name, _)| name);
    let of_backbone = names.map(|name| of_backbone.remove(name).ok_or(TrainError::WorkerLost));
    Ok(Gradients {
        by_parameter: of_backbone.chain(of_head.into_iter().map(Ok)).collect::<Result<_, _>>()?,
        loss: loss.f_double_value(&[])?,
        n_correct: n_correct(&logits, &targets[0].0)?,
    })
}

/// What comes out of the frozen blocks for micro-batches of `photos`.
fn frozen_activations(crew: &mut Crew<'_>, photos: Photos<'_>) -> Result<Vec<Tensor>, TrainError> {
    let workers: Vec<Mutex<&mut Worker>> = crew.workers.iter_mut().map(Mutex::new).collect();
    let activations = |part: Photos<'_>| {
        // A thread of the pool has a worker of its own.
        let own = rayon::current_thread_index().and_then(|i| workers.get(i)).ok_or(TrainError::WorkerLost)?;
        own.lock().unwrap_or_else(PoisonError::into_inner).activations(&part)
    };
    let parts = photos.parts(crew.micro_batch);
    crew.pool.install(|| parts.into_par_iter().with_max_len(1).map(activations).collect())
}
