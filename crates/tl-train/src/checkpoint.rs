//! Where an interrupted run goes on.

use std::{borrow::Borrow, collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use tl_head::{Head, HeadConfig};
use tl_metrics::EpochRecord;
use tl_model::{Archive, ModelError, open_arrays};
use tl_torch::Array;

use crate::{error::TrainError, plateau::Plateau, stopping::StopState};

const FORMAT: &str = "tl-checkpoint";
const FORMAT_VERSION: u32 = 2;

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
    /// The rate of its last step.
    #[serde(default)]
    pub(crate) learning_rate: f64,
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

/// What is wrong with a file of the right size and other bytes, as a crash may leave one.
pub(crate) const OTHER_NUMBERS: &str = "its numbers are not those that were written";

/// BLAKE3, in hexadecimal, of name, shape and values of arrays in the order of their names.
pub(crate) fn hash<'a, A: Borrow<Array>>(
    mut arrays: impl Iterator<Item = Result<(&'a String, A), TrainError>>,
) -> Result<String, TrainError> {
    let mut hasher = blake3::Hasher::new();
    arrays.try_for_each(|array| {
        let (name, array) = array?;
        hasher.update(format!("{name} {:?}\n", array.borrow().shape()).as_bytes());
        hasher.update(array.borrow().bytes());
        Ok::<_, TrainError>(())
    })?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// A run's state between two steps.
pub(crate) struct Checkpoint {
    pub(crate) progress: Progress,
    pub(crate) head: Head,
    /// Steps, and what is remembered.
    pub(crate) optimizer: (u64, BTreeMap<String, Array>),
    /// Updates of the averaged weights, and these; empty without.
    pub(crate) average: (u64, BTreeMap<String, Array>),
    /// Accuracy, loss and head of the best epoch so far.
    pub(crate) best: Option<(f64, f64, Head)>,
}

/// The header of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    data_blake3: String,
    /// Of all arrays; files of earlier versions have none.
    #[serde(default)]
    tensors_blake3: Option<String>,
    progress: Progress,
    n_steps: u64,
    n_averaged: u64,
    best: Option<(f64, f64)>,
}

impl Checkpoint {
    /// Writes the checkpoint; a kill in the middle leaves the one before.
    pub(crate) fn save(self, path: &Path, data_blake3: &str) -> Result<(), TrainError> {
        let mut archive = Archive::default();
        archive.put_arrays("head.", arrays(&self.head));
        archive.put_arrays("optimizer.", self.optimizer.1);
        archive.put_arrays("average.", self.average.1);
        if let Some((.., head)) = &self.best {
            archive.put_arrays("best.", arrays(head));
        }
        let header = Header {
            format_version: FORMAT_VERSION,
            data_blake3: data_blake3.to_owned(),
            tensors_blake3: Some(hash(archive.arrays.iter().map(Ok))?),
            progress: self.progress,
            n_steps: self.optimizer.0,
            n_averaged: self.average.0,
            best: self.best.map(|(accuracy, loss, _)| (accuracy, loss)),
        };
        let header = serde_json::to_string(&header).map_err(|e| resume_error(path, &e.to_string()))?;
        archive.metadata = [("format".to_owned(), FORMAT.to_owned()), ("run".to_owned(), header)].into();
        Ok(archive.save(path)?)
    }

    /// Reads a checkpoint and checks that it belongs to the same photos, and to a head of these sizes.
    pub(crate) fn open(path: &Path, data_blake3: &str, config: &HeadConfig) -> Result<Self, TrainError> {
        let damaged = |reason: &str| {
            let remedy = "remove it, and the run starts over with the same settings";
            resume_error(path, &format!("it is damaged ({reason}); {remedy}"))
        };
        let mut file = open_arrays(path).map_err(|error| match error {
            ModelError::Damaged { reason, .. } => damaged(&reason),
            error => error.into(),
        })?;
        if file.metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ModelError::NotOurs { path: path.to_owned(), wanted: "checkpoint" }.into());
        }
        let text = file.metadata.remove("run").unwrap_or_default();
        check_version(path, &text, FORMAT_VERSION)?;
        let header: Header = serde_json::from_str(&text).map_err(|e| resume_error(path, &e.to_string()))?;
        if header.data_blake3 != data_blake3 {
            return Err(resume_error(path, "the photos have changed since it was interrupted; train again"));
        }
        if header.tensors_blake3.is_some_and(|was| hash(file.arrays.iter().map(Ok)).is_ok_and(|is| is != was)) {
            return Err(damaged(OTHER_NUMBERS));
        }
        let mut head = |prefix| -> Result<Head, TrainError> { Ok(Head::from_arrays(config, file.take_group(prefix))?) };
        let best = |(accuracy, loss)| Ok::<_, TrainError>((accuracy, loss, head("best.")?));
        let best = header.best.map(best).transpose()?;
        Ok(Self {
            progress: header.progress,
            head: head("head.")?,
            best,
            optimizer: (header.n_steps, file.take_group("optimizer.")),
            average: (header.n_averaged, file.take_group("average.")),
        })
    }
}

/// What is asked of a header before anything else.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

/// Fails for the header of another version of tl, which may have other fields. What is no header at all passes.
pub(crate) fn check_version(path: &Path, header: &str, known: u32) -> Result<(), TrainError> {
    match serde_json::from_str(header) {
        Ok(Version { format_version }) if format_version != known => {
            Err(resume_error(path, "another version of tl wrote its checkpoint; train again"))
        }
        _ => Ok(()),
    }
}

fn arrays(head: &Head) -> impl Iterator<Item = (String, Array)> {
    head.parameters().into_iter().map(|(name, array)| (name, array.clone()))
}

pub(crate) fn resume_error(path: &Path, reason: &str) -> TrainError {
    TrainError::Resume { path: path.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_changed_on_the_disk_is_noticed() {
        let config = HeadConfig { n_features: 3, hidden: vec![4], n_classes: 2 };
        let none = (0, BTreeMap::new());
        let head = Head::new(&config, 1).unwrap();
        let checkpoint =
            Checkpoint { progress: Progress::default(), head, optimizer: none.clone(), average: none, best: None };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("last.safetensors");
        checkpoint.save(&path, "photos").unwrap();
        assert!(Checkpoint::open(&path, "photos", &config).is_ok());
        let mut bytes = fs_err::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs_err::write(&path, bytes).unwrap();
        let error = Checkpoint::open(&path, "photos", &config).err().unwrap().to_string();
        assert!(error.contains(OTHER_NUMBERS), "{error}");
    }
}
