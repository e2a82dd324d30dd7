//! Where an interrupted run goes on.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use tch::Tensor;
use tl_metrics::EpochRecord;
use tl_model::{Archive, ModelError};

use crate::{error::TrainError, plateau::Plateau, stopping::StopState};

const FORMAT: &str = "tl-checkpoint";
const FORMAT_VERSION: u32 = 1;

/// How far a run has come.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// Finished epochs.
    pub(crate) epoch: usize,
    /// Finished steps of the epoch after them.
    pub(crate) step: usize,
    /// Sum of that epoch's losses, photo by photo.
    pub(crate) loss_sum: f64,
    /// Photos that were classified rightly in that epoch.
    pub(crate) n_correct: usize,
    /// Time spent on that epoch.
    pub(crate) seconds: f64,
    /// What early stopping has seen.
    #[serde(default)]
    pub(crate) stopping: StopState,
    /// What the schedule has seen.
    #[serde(default)]
    pub(crate) plateau: Plateau,
    /// The finished epochs.
    pub(crate) history: Vec<EpochRecord>,
}

impl Progress {
    /// Steps over to the next epoch.
    pub(crate) fn next_epoch(&mut self) {
        let (history, stopping) = (std::mem::take(&mut self.history), std::mem::take(&mut self.stopping));
        let plateau = std::mem::take(&mut self.plateau);
        *self = Self { epoch: self.epoch + 1, history, stopping, plateau, ..Self::default() };
    }
}

/// A run's state between two steps.
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    pub(crate) head: BTreeMap<String, Tensor>,
    pub(crate) optimizer: BTreeMap<String, Tensor>,
    /// State of the averaged weights; empty without.
    pub(crate) ema: BTreeMap<String, Tensor>,
    /// Accuracy, loss and parameters of the best epoch so far.
    pub(crate) best: Option<(f64, f64, BTreeMap<String, Tensor>)>,
}

/// The header of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    data_blake3: String,
    progress: Progress,
    best: Option<(f64, f64)>,
}

impl Checkpoint {
    /// Writes the checkpoint; a kill in the middle leaves the one before.
    pub(crate) fn save(self, path: &Path, data_blake3: &str) -> Result<(), TrainError> {
        let mut archive = Archive::default();
        let mut best_numbers = None;
        archive.put_group("head.", self.head);
        archive.put_group("optimizer.", self.optimizer);
        archive.put_group("ema.", self.ema);
        if let Some((accuracy, loss, parameters)) = self.best {
            archive.put_group("best.", parameters);
            best_numbers = Some((accuracy, loss));
        }
        let header = Header {
            format_version: FORMAT_VERSION,
            data_blake3: data_blake3.to_owned(),
            progress: self.progress,
            best: best_numbers,
        };
        let header = serde_json::to_string(&header).map_err(|e| resume_error(path, &e.to_string()))?;
        archive.metadata = [("format".to_owned(), FORMAT.to_owned()), ("run".to_owned(), header)].into();
        Ok(archive.save(path)?)
    }

    /// Reads a checkpoint and checks that it belongs to the same photos.
    pub(crate) fn open(path: &Path, data_blake3: &str) -> Result<Self, TrainError> {
        let mut archive = Archive::open(path)?;
        if archive.metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ModelError::NotOurs { path: path.to_owned(), wanted: "checkpoint" }.into());
        }
        let text = archive.metadata.remove("run").unwrap_or_default();
        let header: Header = serde_json::from_str(&text).map_err(|e| resume_error(path, &e.to_string()))?;
        if header.format_version != FORMAT_VERSION {
            return Err(resume_error(path, "another version of tl wrote its checkpoint; train again"));
        }
        if header.data_blake3 != data_blake3 {
            return Err(resume_error(path, "the photos have changed since it was interrupted; train again"));
        }
        Ok(Self {
            progress: header.progress,
            head: archive.take_group("head."),
            optimizer: archive.take_group("optimizer."),
            ema: archive.take_group("ema."),
            best: header.best.map(|(accuracy, loss)| (accuracy, loss, archive.take_group("best."))),
        })
    }
}

fn resume_error(path: &Path, reason: &str) -> TrainError {
    TrainError::Resume { path: path.to_owned(), reason: reason.to_owned() }
}
