//! One worker: the gradients of a micro-batch, in one thread.

use std::sync::Arc;

use tch::Tensor;
use tl_backbone::{Backbone, CompileOptions, Folded, Network, Networks, Precision, Preprocessing};
use tl_head::{LossOptions, TensorHead, mixed_cross_entropy};

use super::{kept::Kept, photos::Photos};
use crate::{error::TrainError, targets::n_correct};

/// A thread's own frozen part of the network: the blocks before the first trained one.
pub(crate) struct Worker {
    /// None when the first block is trained.
    frozen: Option<Network>,
    preprocessing: Preprocessing,
    /// What it makes of the photos, where that is the same in every epoch.
    kept: Option<Arc<Kept>>,
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
    /// So many of them.
    pub(crate) fn team(
        n_workers: usize,
        backbone: &Backbone,
        preprocessing: &Preprocessing,
        precision: Precision,
        batch: usize,
        kept: Option<&Arc<Kept>>,
    ) -> Result<Vec<Self>, TrainError> {
        let mut options = CompileOptions::default();
        options.precision = precision;
        options.batch = batch;
        options.side = Some(preprocessing.geometry.side);
        options.n_blocks = Some(backbone.first_trained());
        let networks = match backbone.first_trained() {
            0 => None,
            _ => Some(Networks::new(&backbone.to_weights()?, options)),
        };
        let worker = |_| {
            let frozen = networks.as_ref().map(Networks::for_thread).transpose()?;
            Ok(Self { frozen, preprocessing: preprocessing.clone(), kept: kept.cloned() })
        };
        (0..n_workers).map(worker).collect()
    }

    /// Gradients of the loss of these photos. The folded form and the head must be this thread's own.
    pub(crate) fn part(
        &self,
        folded: &Folded,
        head: &TensorHead,
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

    /// What comes out of the frozen blocks, now or when these photos were seen first.
    pub(crate) fn activations(&self, photos: &Photos<'_>) -> Result<Tensor, TrainError> {
        let n = photos.labels.len();
        let Some(network) = &self.frozen else {
            return Ok(self.preprocessing.normalise(photos.pixels, n, self.preprocessing.geometry.side as usize)?);
        };
        let Some(kept) = &self.kept else { return Ok(network.activations(photos.pixels, n)?) };
        if let Some(known) = kept.get(photos.places)? {
            return Ok(known);
        }
        let new = network.activations(photos.pixels, n)?;
        kept.put(photos.places, &new)?;
        Ok(new)
    }
}
