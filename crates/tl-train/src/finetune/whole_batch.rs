//! The gradient of a batch that `BatchNorm` looks at as a whole.

use tch::Tensor;
use tl_backbone::Preprocessing;
use tl_head::{LossOptions, cross_entropy};
use tl_torch::channels_last;

use super::{
    gradients::Gradients,
    model::Model,
    worker::{Photos, labels_tensor, n_correct},
};
use crate::error::TrainError;

/// The gradient of `photos`' loss in one graph. Moves the statistics of trained layers.
pub(crate) fn whole_batch(
    model: &Model,
    preprocessing: &Preprocessing,
    photos: Photos<'_>,
    loss: &LossOptions,
) -> Result<Gradients, TrainError> {
    let side = preprocessing.geometry.side as usize;
    let mut x = channels_last(&preprocessing.normalise(photos.pixels, photos.labels.len(), side)?)?;
    for block in 0..model.backbone.n_blocks() {
        x = model.backbone.forward_block(block, &x, true)?;
    }
    let features = x.f_mean_dim(&[2, 3][..], false, tch::Kind::Float)?;
    let parameters = model.parameters();
    let logits = model.head.forward(&features)?;
    let labels = labels_tensor(photos.labels)?;
    let loss = cross_entropy(&logits, &labels, loss)?;
    let handles: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
    let gradients = Tensor::f_run_backward(&[&loss], &handles, false, false)?;
    Ok(Gradients { by_parameter: gradients, loss: loss.f_double_value(&[])?, n_correct: n_correct(&logits, &labels)? })
}
