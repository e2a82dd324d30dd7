//! The gradient of a batch that `BatchNorm` looks at as a whole.

use tch::Tensor;
use tl_backbone::Preprocessing;
use tl_head::{LossOptions, mixed_cross_entropy};
use tl_torch::channels_last;

use super::{gradients::Gradients, model::Model, photos::Photos};
use crate::{error::TrainError, gradients::GradientSum, targets::n_correct};

/// The gradient of the loss of all `parts`, each in a graph of its own: the statistics are those of a part.
pub(crate) fn whole_batches(
    model: &Model,
    preprocessing: &Preprocessing,
    parts: &[Photos<'_>],
    loss: &LossOptions,
) -> Result<Gradients, TrainError> {
    if let [photos] = parts {
        return whole_batch(model, preprocessing, *photos, loss);
    }
    let (mut sum, mut value, mut n_right) = (GradientSum::default(), 0.0, 0);
    for photos in parts {
        let part = whole_batch(model, preprocessing, *photos, loss)?;
        // A part's loss counts by its share already.
        sum.add(&part.by_parameter, 1.0)?;
        value += part.loss;
        n_right += part.n_correct;
    }
    Ok(Gradients { by_parameter: sum.total(), loss: value, n_correct: n_right })
}

/// The gradient of `photos`' loss in one graph. Moves the statistics of trained layers.
fn whole_batch(
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
    let targets = photos.targets()?;
    let loss = mixed_cross_entropy(&logits, &targets, loss)?;
    let handles: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
    let gradients = Tensor::f_run_backward(&[&loss], &handles, false, false)?;
    Ok(Gradients {
        by_parameter: gradients,
        loss: loss.f_double_value(&[])?,
        n_correct: n_correct(&logits, &targets[0].0)?,
    })
}
