//! Checkpoints of fine-tuning: the last two and the best.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tch::Tensor;
use tl_model::{Archive, ModelError};
use tl_torch::Array;

use super::history::History;
use crate::{
    checkpoint::{OTHER_NUMBERS, check_version, hash, resume_error},
    error::TrainError,
    run_folder::write_error,
};

const FORMAT: &str = "tl-tuning-checkpoint";
const FORMAT_VERSION: u32 = 1;
const PREFIX: &str = "tune-";
const BEST: &str = "best-";

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

/// The header of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    format_version: u32,
    data_blake3: String,
    /// BLAKE3 of all tensors: a file may have the right size and wrong bytes after a crash.
    tensors_blake3: String,
    history: History,
}

/// What a run goes on from.
pub(crate) struct Newest {
    pub(crate) checkpoint: TuneCheckpoint,
    pub(crate) path: PathBuf,
    /// Those that are damaged and would have come first.
    pub(crate) damaged: Vec<PathBuf>,
}

/// The folder with the checkpoints of one run.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoints {
    folder: PathBuf,
    data_blake3: String,
}

impl Checkpoints {
    pub(crate) fn new(folder: PathBuf, data_blake3: &str) -> Self {
        Self { folder, data_blake3: data_blake3.to_owned() }
    }

    /// Writes a checkpoint beside the others, then removes those that are neither among the last two nor the best.
    pub(crate) fn save(&self, checkpoint: TuneCheckpoint, is_best: bool) -> Result<PathBuf, TrainError> {
        fs_err::create_dir_all(&self.folder).map_err(|source| write_error(&self.folder, source))?;
        let History { epoch, step, .. } = checkpoint.history;
        let path = self.folder.join(format!("{PREFIX}{epoch:05}-{step:07}.safetensors"));
        let archive = checkpoint.archive(&self.data_blake3)?;
        match is_best {
            true => self.save_best(&archive, &path, epoch)?,
            false => archive.save(&path)?,
        }
        let last = self.files(PREFIX);
        last.iter().rev().skip(2).for_each(|old| drop(fs_err::remove_file(old)));
        Ok(path)
    }

    /// Whether there is one to go on from.
    pub(crate) fn any(&self) -> bool {
        !self.by_age().is_empty()
    }

    /// The newest checkpoint that is whole, if there is any at all.
    pub(crate) fn newest(&self) -> Result<Option<Newest>, TrainError> {
        let mut damaged = Vec::new();
        for path in self.by_age() {
            match TuneCheckpoint::open(&path, &self.data_blake3) {
                Ok(checkpoint) => return Ok(Some(Newest { checkpoint, path, damaged })),
                Err(TrainError::Model(ModelError::Damaged { .. })) => damaged.push(path),
                Err(error) => return Err(error),
            }
        }
        match damaged.first() {
            None => Ok(None),
            Some(path) => Err(resume_error(path, "it is damaged, and no other one is whole; train again")),
        }
    }

    /// The newest first. The best is as much a state of the run, of an epoch before the others or of theirs.
    fn by_age(&self) -> Vec<PathBuf> {
        self.files(PREFIX).into_iter().rev().chain(self.files(BEST).into_iter().rev()).collect()
    }

    /// The checkpoint of the best epoch.
    pub(crate) fn best(&self, epoch: usize) -> Result<TuneCheckpoint, TrainError> {
        TuneCheckpoint::open(&self.best_path(epoch), &self.data_blake3)
    }

    /// Fails where that of the best epoch is gone, which the end of the run would go back to.
    pub(crate) fn check_best(&self, epoch: usize) -> Result<(), TrainError> {
        let path = self.best_path(epoch);
        match path.is_file() {
            true => Ok(()),
            false => Err(resume_error(&path, "the checkpoint of the best epoch is gone; train again")),
        }
    }

    fn best_path(&self, epoch: usize) -> PathBuf {
        self.folder.join(format!("{BEST}{epoch:05}.safetensors"))
    }

    /// Writes the best, then the same bytes under the other name, and only then removes the best before it: no checkpoint
    /// names a best that is not there.
    fn save_best(&self, archive: &Archive, path: &Path, epoch: usize) -> Result<(), TrainError> {
        let best = self.best_path(epoch);
        archive.save(&best)?;
        let _ = fs_err::remove_file(path);
        if fs_err::hard_link(&best, path).is_err() {
            archive.save(path)?;
        }
        let others = self.files(BEST).into_iter().filter(|other| *other != best);
        others.for_each(|old| drop(fs_err::remove_file(old)));
        Ok(())
    }

    /// Files whose name starts with `prefix`, oldest first.
    fn files(&self, prefix: &str) -> Vec<PathBuf> {
        let entries = fs_err::read_dir(&self.folder).into_iter().flatten().flatten();
        let named = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(prefix) && name.ends_with(".safetensors"))
        };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(named).collect();
        files.sort();
        files
    }
}

impl TuneCheckpoint {
    fn archive(self, data_blake3: &str) -> Result<Archive, TrainError> {
        let mut archive = Archive::default();
        archive.put_group("backbone.", self.backbone);
        archive.put_group("head.", self.head);
        archive.put_group("optimizer.", self.optimizer);
        archive.put_group("ema.", self.ema);
        let header = Header {
            format_version: FORMAT_VERSION,
            data_blake3: data_blake3.to_owned(),
            tensors_blake3: hash_tensors(&archive.tensors)?,
            history: self.history,
        };
        let header = serde_json::to_string(&header).map_err(|e| resume_error(Path::new(PREFIX), &e.to_string()))?;
        archive.metadata = [("format".to_owned(), FORMAT.to_owned()), ("run".to_owned(), header)].into();
        Ok(archive)
    }

    fn open(path: &Path, data_blake3: &str) -> Result<Self, TrainError> {
        let damaged = |reason: &str| ModelError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
        let mut archive = Archive::open(path)?;
        if archive.metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ModelError::NotOurs { path: path.to_owned(), wanted: "checkpoint" }.into());
        }
        let text = archive.metadata.remove("run").unwrap_or_default();
        check_version(path, &text, FORMAT_VERSION)?;
        let header: Header = serde_json::from_str(&text).map_err(|e| damaged(&e.to_string()))?;
        if header.data_blake3 != data_blake3 {
            return Err(resume_error(path, "the photos have changed since it was interrupted; train again"));
        }
        if header.tensors_blake3 != hash_tensors(&archive.tensors)? {
            return Err(damaged(OTHER_NUMBERS).into());
        }
        Ok(Self {
            history: header.history,
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
