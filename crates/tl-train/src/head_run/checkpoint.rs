//! What a checkpoint of a head in training holds.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use tl_head::{Head, HeadConfig};
use tl_metrics::EpochRecord;
use tl_model::{Archive, open_arrays};
use tl_torch::Array;

use crate::{
    checkpoint::{Checkpoints, hash},
    error::TrainError,
    plateau::Plateau,
    stopping::StopState,
};

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
    pub(crate) learning_rate: f64,
    /// What early stopping has seen.
    pub(crate) stopping: StopState,
    /// What the schedule has seen.
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
    pub(crate) head: Head,
    /// Steps, and what is remembered.
    pub(crate) optimizer: (u64, BTreeMap<String, Array>),
    /// Updates of the averaged weights, and these; empty without.
    pub(crate) average: (u64, BTreeMap<String, Array>),
    /// Accuracy, loss and head of the best epoch so far.
    pub(crate) best: Option<(f64, f64, Head)>,
}

/// What is no array.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    progress: Progress,
    n_steps: u64,
    n_averaged: u64,
    best: Option<(f64, f64)>,
}

impl Checkpoint {
    /// As the file of a run.
    pub(crate) fn archive(self, checkpoints: &Checkpoints) -> Result<Archive, TrainError> {
        let mut archive = Archive::default();
        archive.put_arrays("head.", arrays(&self.head));
        archive.put_arrays("optimizer.", self.optimizer.1);
        archive.put_arrays("average.", self.average.1);
        if let Some((.., head)) = &self.best {
            archive.put_arrays("best.", arrays(head));
        }
        let state = State {
            progress: self.progress,
            n_steps: self.optimizer.0,
            n_averaged: self.average.0,
            best: self.best.map(|(accuracy, loss, _)| (accuracy, loss)),
        };
        archive.metadata = checkpoints.metadata(state, hash(archive.arrays.iter().map(Ok))?)?;
        Ok(archive)
    }

    /// Reads the file of a run, and checks that it is of a head of these sizes.
    pub(crate) fn open(path: &Path, checkpoints: &Checkpoints, config: &HeadConfig) -> Result<Self, TrainError> {
        let mut file = open_arrays(path)?;
        let state: State = checkpoints.state(path, &file.metadata, &hash(file.arrays.iter().map(Ok))?)?;
        let mut head = |prefix| -> Result<Head, TrainError> { Ok(Head::from_arrays(config, file.take_group(prefix))?) };
        let best = |(accuracy, loss)| Ok::<_, TrainError>((accuracy, loss, head("best.")?));
        let best = state.best.map(best).transpose()?;
        Ok(Self {
            progress: state.progress,
            head: head("head.")?,
            best,
            optimizer: (state.n_steps, file.take_group("optimizer.")),
            average: (state.n_averaged, file.take_group("average.")),
        })
    }
}

fn arrays(head: &Head) -> impl Iterator<Item = (String, Array)> {
    head.parameters().into_iter().map(|(name, array)| (name, array.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::OF_HEAD, event::Event, options::TrainOptions};

    fn checkpoint(epoch: usize, config: &HeadConfig) -> Checkpoint {
        let none = (0, BTreeMap::new());
        let progress = Progress { epoch, ..Progress::default() };
        let head = Head::new(config, 1).unwrap();
        Checkpoint { progress, head, optimizer: none.clone(), average: none, best: None }
    }

    #[test]
    fn the_last_two_stay_and_a_damaged_one_is_passed_over() {
        let config = HeadConfig { n_features: 3, hidden: vec![4], n_classes: 2 };
        let folder = tempfile::tempdir().unwrap();
        let files = || Checkpoints::new(OF_HEAD, folder.path().to_owned());
        let options = TrainOptions::default();
        let checkpoints = files().of_run(&options, "photos");
        let open = |path: &Path| Checkpoint::open(path, &checkpoints, &config);
        assert!(!checkpoints.any() && checkpoints.newest(open).unwrap().is_none());
        let save = |epoch| {
            let archive = checkpoint(epoch, &config).archive(&checkpoints).unwrap();
            checkpoints.save(&archive, (epoch, 0), false).unwrap()
        };
        let paths = [9, 10, 11].map(save);
        assert_eq!(paths.each_ref().map(|path| path.exists()), [false, true, true]);

        let spoil = |path: &Path| {
            let mut bytes = fs_err::read(path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs_err::write(path, bytes).unwrap();
        };
        spoil(&paths[2]);
        let newest = checkpoints.newest(open).unwrap().unwrap();
        assert_eq!(newest.checkpoint.progress.epoch, 10);
        let mut told = Vec::new();
        newest.passed_over.remove(&mut |event: &Event<'_>| {
            if let Event::Damaged { path, instead } = event {
                told.push((path.to_path_buf(), instead.to_path_buf()));
            }
        });
        assert_eq!((told, paths[2].exists()), (vec![(paths[2].clone(), paths[1].clone())], false));
        spoil(&paths[1]);
        let error = checkpoints.newest(open).err().unwrap().to_string();
        assert!(error.contains("no other one is whole"), "{error}");

        save(12);
        let refused = |options: &TrainOptions, data| {
            let files = files().of_run(options, data);
            files.newest(|path| Checkpoint::open(path, &files, &config)).err().map(|error| error.to_string())
        };
        assert_eq!(refused(&TrainOptions { epochs: 99, ..options.clone() }, "photos"), None);
        let why = refused(&options, "other photos").unwrap();
        assert!(why.contains("the photos have changed"), "{why}");
        let why = refused(&TrainOptions { seed: 7, ..options.clone() }, "photos").unwrap();
        assert!(why.contains("seed was 0 when it was written and is 7 now"), "{why}");
    }
}
