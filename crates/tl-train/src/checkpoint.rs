//! Where an interrupted run goes on: the files of its checkpoints, and what their headers say they belong to.

use std::{
    borrow::Borrow,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tl_model::{Archive, ModelError};
use tl_torch::Array;

use crate::{
    error::TrainError,
    event::{Event, Observer},
    options::TrainOptions,
    run_folder::write_error,
};

/// What is trained.
pub(crate) struct Kind {
    format: &'static str,
    version: u32,
    /// First letters of its files' names.
    prefix: &'static str,
}

/// A head on features.
pub(crate) const OF_HEAD: Kind = Kind { format: "tl-checkpoint", version: 3, prefix: "head-" };
/// A backbone with its head.
pub(crate) const OF_TUNING: Kind = Kind { format: "tl-tuning-checkpoint", version: 2, prefix: "tune-" };

/// First letters of the name of the best epoch's file.
const BEST: &str = "best-";

/// The folder with the checkpoints of one run: the last two, and where it is asked for the best.
pub(crate) struct Checkpoints {
    kind: Kind,
    folder: PathBuf,
    run: RunMark,
}

/// What a checkpoint belongs to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RunMark {
    /// The photos that are read.
    data_blake3: String,
    /// All settings that must stay.
    settings: BTreeMap<String, String>,
}

/// What a run goes on from.
pub(crate) struct Newest<T> {
    pub(crate) checkpoint: T,
    pub(crate) passed_over: PassedOver,
}

/// Checkpoints that are damaged, and would have come before the one that is used.
pub(crate) struct PassedOver {
    damaged: Vec<PathBuf>,
    instead: PathBuf,
}

/// What stands beside the numbers.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<S> {
    format_version: u32,
    run: RunMark,
    /// BLAKE3 of all arrays: a file may have the right size and wrong bytes after a crash.
    tensors_blake3: String,
    state: S,
}

/// What is asked of a header before anything else: another version may have other fields.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

impl Checkpoints {
    /// Those in `folder`, to see whether there are any.
    pub(crate) fn new(kind: Kind, folder: PathBuf) -> Self {
        Self { kind, folder, run: RunMark::default() }
    }

    /// The same, of a run with these settings on photos of this hash.
    pub(crate) fn of_run(self, options: &TrainOptions, data_blake3: &str) -> Self {
        let run = RunMark { data_blake3: data_blake3.to_owned(), settings: options.fixed_when_resumed() };
        Self { run, ..self }
    }

    /// Whether there is one to go on from.
    pub(crate) fn any(&self) -> bool {
        !self.by_age().is_empty()
    }

    /// Metadata of a file with this state, and arrays of this hash.
    pub(crate) fn metadata<S: Serialize>(
        &self,
        state: S,
        tensors_blake3: String,
    ) -> Result<BTreeMap<String, String>, TrainError> {
        let header = Header { format_version: self.kind.version, run: self.run.clone(), tensors_blake3, state };
        let header = serde_json::to_string(&header).map_err(|e| resume_error(&self.folder, &e.to_string()))?;
        let fields = [("format", self.kind.format.to_owned()), ("header_blake3", hash_of(&header)), ("header", header)];
        Ok(fields.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The state in a file's metadata, if it belongs to the same photos and settings, and to the arrays of this hash.
    pub(crate) fn state<S: DeserializeOwned>(
        &self,
        path: &Path,
        metadata: &BTreeMap<String, String>,
        tensors_blake3: &str,
    ) -> Result<S, TrainError> {
        let damaged = |reason: &str| ModelError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
        let field = |name| metadata.get(name).map_or("", String::as_str);
        let text = field("header");
        if field("format") != self.kind.format || field("header_blake3") != hash_of(text) {
            return Err(damaged("its header is not the one that was written").into());
        }
        let is_other = |version: Version| version.format_version != self.kind.version;
        if serde_json::from_str(text).is_ok_and(is_other) {
            return Err(resume_error(path, "another version of tl wrote its checkpoint; train again"));
        }
        let header: Header<S> = serde_json::from_str(text).map_err(|e| damaged(&e.to_string()))?;
        if header.tensors_blake3 != tensors_blake3 {
            return Err(damaged("its numbers are not those that were written").into());
        }
        self.run.check(&header.run, path)?;
        Ok(header.state)
    }

    /// Writes a checkpoint beside the others, then removes those that are neither among the last two nor the best. A kill
    /// in the middle leaves those of before.
    pub(crate) fn save(
        &self,
        archive: &Archive,
        (epoch, step): (usize, usize),
        is_best: bool,
    ) -> Result<PathBuf, TrainError> {
        fs_err::create_dir_all(&self.folder).map_err(|source| write_error(&self.folder, source))?;
        let path = self.folder.join(format!("{}{epoch:05}-{step:07}.safetensors", self.kind.prefix));
        match is_best {
            true => self.save_best(archive, &path, epoch)?,
            false => archive.save(&path)?,
        }
        let last = self.files(self.kind.prefix);
        last.iter().rev().skip(2).for_each(|old| drop(fs_err::remove_file(old)));
        Ok(path)
    }

    /// The newest checkpoint that is whole, if there is any at all; `open` reads one.
    pub(crate) fn newest<T>(
        &self,
        open: impl Fn(&Path) -> Result<T, TrainError>,
    ) -> Result<Option<Newest<T>>, TrainError> {
        let mut damaged = Vec::new();
        for path in self.by_age() {
            match open(&path) {
                Ok(checkpoint) => {
                    return Ok(Some(Newest { checkpoint, passed_over: PassedOver { damaged, instead: path } }));
                }
                Err(TrainError::Model(ModelError::Damaged { .. })) => damaged.push(path),
                Err(error) => return Err(error),
            }
        }
        let reason = "it is damaged, and no other one is whole; remove the folder that it is in, and the run starts over \
                      with the same settings";
        damaged.first().map_or(Ok(None), |path| Err(resume_error(path, reason)))
    }

    /// The newest first. The best is as much a state of the run, of an epoch before the others or of theirs.
    fn by_age(&self) -> Vec<PathBuf> {
        self.files(self.kind.prefix).into_iter().rev().chain(self.files(BEST).into_iter().rev()).collect()
    }

    /// The file of the best epoch.
    pub(crate) fn best_path(&self, epoch: usize) -> PathBuf {
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

impl RunMark {
    /// Fails where something has changed since the checkpoint at `path` was written.
    fn check(&self, before: &Self, path: &Path) -> Result<(), TrainError> {
        let names = before.settings.keys().chain(self.settings.keys());
        let of = |mark: &Self, name| mark.settings.get(name).cloned().unwrap_or_else(|| "not set".to_owned());
        match names.map(|name| (name, of(before, name), of(self, name))).find(|(_, before, now)| before != now) {
            // Of other settings come other photos.
            None if before.data_blake3 != self.data_blake3 => {
                Err(TrainError::PhotosChanged { path: path.to_owned(), change: None })
            }
            None => Ok(()),
            Some((name, before, now)) => {
                let reason =
                    format!("{name} was {before} when it was written and is {now} now; put it back, or train again");
                Err(resume_error(path, &reason))
            }
        }
    }
}

impl PassedOver {
    /// Tells of them and removes them: they would be taken for some of the last two, and what is written now for an older
    /// one.
    pub(crate) fn remove(&self, observer: &mut dyn Observer) {
        for path in &self.damaged {
            observer.event(&Event::Damaged { path, instead: &self.instead });
            drop(fs_err::remove_file(path));
        }
    }
}

/// BLAKE3, in hexadecimal, of name, shape and values of arrays in the order of their names.
pub(crate) fn hash<'a, A: Borrow<Array>>(
    arrays: impl Iterator<Item = Result<(&'a String, A), TrainError>>,
) -> Result<String, TrainError> {
    let mut hasher = blake3::Hasher::new();
    for array in arrays {
        let (name, array) = array?;
        array.borrow().hash_into(name, &mut hasher);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn hash_of(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

fn resume_error(path: &Path, reason: &str) -> TrainError {
    TrainError::Resume { path: path.to_owned(), reason: reason.to_owned() }
}
