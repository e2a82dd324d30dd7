//! The folder of a run and the names of its files.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use tl_events::EventFiles;
use tl_model::write_atomically;

use crate::error::TrainError;

/// A run's folder. Files in it are written whole or not at all.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Makes `out/name`, or with no name the first free one of `out/stem-1`, `out/stem-2` and so on.
    pub fn create(out: &Path, name: Option<&str>, stem: &str) -> Result<Self, TrainError> {
        fs_err::create_dir_all(out).map_err(|source| write_error(out, source))?;
        let candidates: Box<dyn Iterator<Item = String>> = match name {
            Some(name) => Box::new(std::iter::once(name.to_owned())),
            None => Box::new((1..).map(|n: u32| format!("{stem}-{n}"))),
        };
        for candidate in candidates {
            let path = out.join(candidate);
            match std::fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && name.is_none() => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(TrainError::Taken { path }),
                Err(source) => return Err(write_error(&path, source)),
            }
        }
        Err(TrainError::Taken { path: out.to_owned() })
    }

    /// An existing run's folder.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned() };
        match folder.config().is_file() {
            true => Ok(folder),
            false => Err(TrainError::Resume {
                path: path.to_owned(),
                reason: "it holds no config.toml; give the folder of a run".to_owned(),
            }),
        }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The trained model.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.path.join("model.safetensors")
    }

    /// The run's numbers.
    #[must_use]
    pub fn metrics(&self) -> PathBuf {
        self.path.join("metrics.json")
    }

    /// A line per epoch.
    #[must_use]
    pub fn history(&self) -> PathBuf {
        self.path.join("history.csv")
    }

    /// Every setting as used.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// Photos that were left out.
    #[must_use]
    pub fn skipped(&self) -> PathBuf {
        self.path.join("skipped.csv")
    }

    /// Where an interrupted run goes on.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.checkpoints().join("last.safetensors")
    }

    /// The folder of all that a run goes on from.
    #[must_use]
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// Lets `latest`, beside the folder, point to it. Best effort: a file system without links has none.
    pub(crate) fn mark_latest(&self) {
        let (Some(out), Some(name)) = (self.path.parent(), self.path.file_name()) else { return };
        let temporary = out.join(format!(".latest-{}", std::process::id()));
        if link(Path::new(name), &temporary).is_ok() && fs_err::rename(&temporary, out.join("latest")).is_err() {
            let _ = fs_err::remove_file(&temporary);
        }
    }

    pub(crate) fn make_checkpoint_folder(&self) -> Result<(), TrainError> {
        let folder = self.checkpoints();
        fs_err::create_dir_all(&folder).map_err(|source| write_error(&folder, source))
    }

    /// A finished run needs no checkpoint. One that cannot be removed does no harm.
    pub(crate) fn remove_checkpoint(&self) {
        let _ = fs_err::remove_file(self.checkpoint());
        let _ = fs_err::remove_dir(self.checkpoints());
    }

    /// Removes the folder of a run that failed before it had anything to keep. One with a checkpoint stays.
    pub fn discard(self) {
        if self.checkpoints().exists() {
            return;
        }
        for file in [vec![self.config(), self.skipped()], EventFiles::of(&self.path)].concat() {
            let _ = fs_err::remove_file(file);
        }
        let _ = fs_err::remove_dir(&self.path);
    }
}

#[cfg(unix)]
fn link(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Writes one of a run's files.
pub(crate) fn write_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), TrainError> {
    write_atomically(file, write).map_err(|source| write_error(file, source))
}

pub(crate) fn write_error(path: &Path, source: io::Error) -> TrainError {
    TrainError::Write { path: path.to_owned(), source }
}
