//! What a checkpoint of fine-tuning holds.

use std::{collections::BTreeMap, path::Path};

use tch::Tensor;
use tl_model::Archive;
use tl_torch::Array;

use super::history::History;
use crate::{
    checkpoint::{Checkpoints, hash},
    error::TrainError,
};

/// A run's state between two steps.
pub(crate) struct TuneCheckpoint {
    pub(crate) history: History,
    /// All tensors of the backbone.
    pub(crate) backbone: BTreeMap<String, Tensor>,
    pub(crate) head: BTreeMap<String, Tensor>,
    pub(crate) optimizer: BTreeMap<String, Tensor>,
    /// State of the averaged weights; empty without.
    pub(crate) ema: BTreeMap<String, Tensor>,
}

impl TuneCheckpoint {
    /// As the file of a run.
    pub(crate) fn archive(self, checkpoints: &Checkpoints) -> Result<Archive, TrainError> {
        let mut archive = Archive::default();
        archive.put_group("backbone.", self.backbone);
        archive.put_group("head.", self.head);
        archive.put_group("optimizer.", self.optimizer);
        archive.put_group("ema.", self.ema);
        archive.metadata = checkpoints.metadata(self.history, hash_tensors(&archive.tensors)?)?;
        Ok(archive)
    }

    /// Reads the file of a run.
    pub(crate) fn open(path: &Path, checkpoints: &Checkpoints) -> Result<Self, TrainError> {
        let mut archive = Archive::open(path)?;
        let history = checkpoints.state(path, &archive.metadata, &hash_tensors(&archive.tensors)?)?;
        Ok(Self {
            history,
            backbone: archive.take_group("backbone."),
            head: archive.take_group("head."),
            optimizer: archive.take_group("optimizer."),
            ema: archive.take_group("ema."),
        })
    }
}

fn hash_tensors(tensors: &BTreeMap<String, Tensor>) -> Result<String, TrainError> {
    hash(tensors.iter().map(|(name, tensor)| Ok((name, Array::of_tensor(tensor)?))))
}
