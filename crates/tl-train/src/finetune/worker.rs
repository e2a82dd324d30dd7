//! One worker: the gradients of a micro-batch, in one thread.

use tch::Tensor;
use tl_backbone::{Backbone, CompileOptions, Folded, Network, Precision, Preprocessing};
use tl_head::{Head, LossOptions, mixed_cross_entropy};

use super::photos::Photos;
use crate::{error::TrainError, targets::n_correct};

/// A thread's own frozen part of the network: the blocks before the first trained one.
pub(crate) struct Worker {
    /// None when the first block is trained.
    frozen: Option<Network>,
    preprocessing: Preprocessing,
}

/// What a micro-batch adds to its batch.
pub(crate) struct Part {
    /// Gradients of the folded backbone's leaves, then of the head's parameters.
    pub(crate) gradients: Vec<Tensor>,
    /// Its part of the mean loss.
    pub(crate) loss: f64,
    pub(crate) n_correct: usize,
}

impl Worker {
    pub(crate) fn new(
        backbone: &Backbone,
        preprocessing: &Preprocessing,
        precision: Precision,
        batch: usize,
    ) -> Result<Self, TrainError> {
        let mut options = CompileOptions::default();
        options.precision = precision;
        options.batch = batch;
        options.side = Some(preprocessing.geometry.side);
        options.n_blocks = Some(backbone.first_trained());
        let frozen = match backbone.first_trained() {
            0 => None,
            _ => Some(Network::compile_with(&backbone.to_weights()?, &options)?),
        };
        Ok(Self { frozen, preprocessing: preprocessing.clone() })
    }

    /// Gradients of the loss of these photos. The folded form and the head must be this thread's own.
    pub(crate) fn part(
        &self,
        folded: &Folded,
        head: &Head,
        photos: Photos<'_>,
        loss: &LossOptions,
    ) -> Result<Part, TrainError> {
        let handles = head.trainable();
        let logits = head.forward(&folded.forward(&self.activations(&photos)?)?)?;
        let targets = photos.targets()?;
        let loss = mixed_cross_entropy(&logits, &targets, loss)?;
        let leaves: Vec<&Tensor> = folded.leaves().chain(handles.iter().map(|(_, tensor)| tensor)).collect();
        let gradients = Tensor::f_run_backward(&[&loss], &leaves, false, false)?;
        Ok(Part { gradients, loss: loss.f_double_value(&[])?, n_correct: n_correct(&logits, &targets[0].0)? })
    }

    /// What comes out of the frozen blocks.
    pub(crate) fn activations(&self, photos: &Photos<'_>) -> Result<Tensor, TrainError> {
        let n = photos.labels.len();
        Ok(match &self.frozen {
            Some(network) => network.activations(photos.pixels, n)?,
            None => self.preprocessing.normalise(photos.pixels, n, self.preprocessing.geometry.side as usize)?,
        })
    }
}

pub(crate) fn labels_tensor(labels: &[usize]) -> Result<Tensor, TrainError> {
    let labels: Vec<i64> = labels.iter().map(|&label| label as i64).collect();
    Ok(Tensor::f_from_slice(&labels)?)
}
