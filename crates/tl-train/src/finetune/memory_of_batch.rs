//! What a batch that `BatchNorm` looks at as a whole takes of memory: measured, not computed.

use tl_backbone::{Backbone, BatchNorm, Weights, layers};
use tl_head::{Head, LossOptions, TensorHead};
use tl_torch::thread_pool;

use super::{
    model::Model,
    photos::Photos,
    whole_batch::{Crew, whole_batches},
    worker::Worker,
};
use crate::{
    error::TrainError,
    memory::{peak_bytes, reset_peak},
    plan::Plan,
    targets::Answers,
};

/// Bytes by which the process grows at most while it computes the gradients of `n` grey photos, of `n_classes`
/// classes; none where the system does not tell. Nothing of `weights` moves.
pub(crate) fn whole_batch_bytes(
    plan: &Plan,
    weights: &Weights,
    n_classes: usize,
    n: usize,
) -> Result<Option<u64>, TrainError> {
    let (preprocessing, precision, micro_batch) = (plan.preprocessing(), plan.tuning_precision(), plan.micro_batch());
    let mut backbone = Backbone::new(weights)?;
    backbone.train_layers(&plan.freeze().trained(&layers(plan.spec())), BatchNorm::Batch)?;
    let model =
        Model { backbone, head: TensorHead::of(&Head::new(&plan.head_config(n_classes), plan.options().seed)?)? };
    let mut workers = Worker::team(plan.n_threads(), &model.backbone, &preprocessing, precision, micro_batch, None)?;
    let mut crew = Crew { pool: &thread_pool(plan.n_threads())?, workers: &mut workers, micro_batch };
    let side = preprocessing.geometry.side as usize;
    let (pixels, labels, places) = (vec![128; n * side * side * 3], vec![0; n], vec![0; n]);
    let answers = Answers { sets: None, n_classes };
    let photos = Photos { pixels: &pixels, places: &places, labels: &labels, answers, share: 1.0, partners: None };
    let before = reset_peak();
    whole_batches(&model, &mut crew, &[photos], &LossOptions::default())?;
    Ok(before.zip(peak_bytes()).map(|(before, peak)| peak.saturating_sub(before)))
}
