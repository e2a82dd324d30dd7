//! The folder of a run and the names of its files.

use std::{
    fs::{File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use tl_data::write_atomically;
use tl_events::EventFiles;

use crate::{
    checkpoint::{Checkpoints, OF_HEAD, OF_TUNING},
    error::TrainError,
};

/// A run's folder. Files in it are written whole or not at all.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    /// Held for as long as a run works on it.
    _lock: Option<Arc<File>>,
}

/// What a folder held when a run began.
pub(crate) struct Found {
    /// What settings and lists hold, where they are there.
    files: [(Option<Vec<u8>>, PathBuf); 3],
    /// With the times at which they were written.
    checkpoints: Vec<(PathBuf, Option<SystemTime>)>,
}

impl Found {
    /// The list of photos.
    pub(crate) fn photos(&self) -> Option<&[u8]> {
        let [_, _, (photos, _)] = &self.files;
        photos.as_deref()
    }
}

impl RunFolder {
    /// Makes `out/name`, or with no name the first free one of `out/stem-1`, `out/stem-2` and so on.
    ///
    /// # Errors
    /// [`TrainError::Taken`] when there is a folder `name` already, [`TrainError::Write`] when none can be made.
    pub fn create(out: &Path, name: Option<&str>, stem: &str) -> Result<Self, TrainError> {
        fs_err::create_dir_all(out).map_err(|source| write_error(out, source))?;
        let candidates: Box<dyn Iterator<Item = String>> = match name {
            Some(name) => Box::new(std::iter::once(name.to_owned())),
            None => Box::new((1..).map(|n: u32| format!("{stem}-{n}"))),
        };
        for candidate in candidates {
            let path = out.join(candidate);
            match std::fs::create_dir(&path) {
                Ok(()) => return Self { path, _lock: None }.locked(),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists && name.is_none() => {}
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => return Err(TrainError::Taken { path }),
                Err(source) => return Err(write_error(&path, source)),
            }
        }
        Err(TrainError::Taken { path: out.to_owned() })
    }

    /// An existing run's folder.
    ///
    /// # Errors
    /// [`TrainError::Resume`] for a folder without the settings of a run.
    pub fn open(path: &Path) -> Result<Self, TrainError> {
        let folder = Self { path: path.to_owned(), _lock: None };
        match folder.config().is_file() {
            true => Ok(folder),
            false => Err(folder.resume_error("it holds no config.toml; give the folder of a run")),
        }
    }

    /// The same, for this process alone until the last clone is gone.
    ///
    /// # Errors
    /// Another process works on it.
    pub fn locked(self) -> Result<Self, TrainError> {
        match lock(&self.path) {
            Ok(lock) => {
                let locked = Self { _lock: lock.map(Arc::new), ..self };
                locked.remove_drafts();
                Ok(locked)
            }
            Err(TryLockError::WouldBlock) => Err(self.resume_error("another tl works on it; wait for it, or stop it")),
            // A file system without locks.
            Err(TryLockError::Error(_)) => Ok(self),
        }
    }

    /// Removes what a process that was killed had begun to write, which `tl_data::Draft` names.
    fn remove_drafts(&self) {
        let entries = fs_err::read_dir(&self.path).into_iter().flatten().flatten();
        for draft in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".tl-")) {
            let _ = fs_err::remove_file(draft.path());
        }
    }

    fn resume_error(&self, reason: &str) -> TrainError {
        TrainError::Resume { path: self.path.clone(), reason: reason.to_owned() }
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

    /// Photos that were used, with their labels and their part: a list that can be trained on or evaluated again.
    #[must_use]
    pub fn photos(&self) -> PathBuf {
        self.path.join("photos.csv")
    }

    /// The folder of all that a run goes on from.
    #[must_use]
    pub(crate) fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoint")
    }

    /// Lets `latest`, beside the folder, point to it. Best effort: a file system without links has none.
    pub(crate) fn mark_latest(&self) {
        // A run may be gone on with as `latest`, which must not point to itself.
        let Ok(path) = fs_err::canonicalize(&self.path) else { return };
        let (Some(out), Some(name)) = (path.parent(), path.file_name()) else { return };
        let temporary = out.join(format!(".latest-{}", std::process::id()));
        if link(Path::new(name), &temporary).is_ok() && fs_err::rename(&temporary, out.join("latest")).is_err() {
            let _ = fs_err::remove_file(&temporary);
        }
    }

    /// A finished run needs no checkpoints, nor what a killed process left beside them. What cannot be removed does no
    /// harm.
    pub(crate) fn remove_checkpoints(&self) {
        let _ = fs_err::remove_dir_all(self.checkpoints());
    }

    /// Whether the run went through to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.metrics().is_file()
    }

    /// Whether a run has begun in it and saved nothing to go on from.
    pub(crate) fn starts_over(&self) -> bool {
        let has_saved = [OF_HEAD, OF_TUNING].into_iter().any(|kind| Checkpoints::new(kind, self.checkpoints()).any());
        self.config().is_file() && !has_saved
    }

    /// The settings, the lists of photos and the checkpoints that are there.
    pub(crate) fn as_found(&self) -> Found {
        let entries = fs_err::read_dir(self.checkpoints()).into_iter().flatten().flatten();
        let written = |entry: &fs_err::DirEntry| entry.metadata().and_then(|found| found.modified()).ok();
        let mut checkpoints: Vec<_> = entries.map(|entry| (entry.path(), written(&entry))).collect();
        checkpoints.sort();
        let files = [self.config(), self.skipped(), self.photos()].map(|file| (fs_err::read(&file).ok(), file));
        Found { files, checkpoints }
    }

    /// Puts the settings and lists back that were found, where nothing was trained by others since: those that a run
    /// cannot go on with must not take their place.
    pub(crate) fn restore(&self, found: &Found) {
        if self.as_found().checkpoints != found.checkpoints {
            return;
        }
        for (content, file) in &found.files {
            if let Some(content) = content.as_ref().filter(|content| fs_err::read(file).ok().as_ref() != Some(content))
            {
                let _ = write_file(file, |out| out.write_all(content));
            }
        }
    }

    /// Removes the folder of a run that failed with `error` before it had anything to keep.
    ///
    /// One with a checkpoint stays, and so does one whose training had begun when a file could not be written: the run
    /// can be done again from its settings.
    pub fn discard(self, error: &TrainError) {
        // Written between the settings and training, before all that a run is worth keeping for.
        let has_begun = self.skipped().is_file();
        if has_begun && error.is_of_writing() || !self.as_found().checkpoints.is_empty() {
            return;
        }
        let _ = fs_err::remove_dir(self.checkpoints());
        for file in
            [vec![self.config(), self.skipped(), self.photos(), self.history()], EventFiles::of(&self.path)].concat()
        {
            let _ = fs_err::remove_file(file);
        }
        let _ = fs_err::remove_dir(&self.path);
    }
}

/// The system lets go of it when the process ends, however that ends.
#[cfg(unix)]
fn lock(folder: &Path) -> Result<Option<File>, TryLockError> {
    let folder = fs_err::File::open(folder).map_err(TryLockError::Error)?.into_file();
    folder.try_lock()?;
    Ok(Some(folder))
}

/// Folders cannot be opened there.
#[cfg(not(unix))]
fn lock(_: &Path) -> Result<Option<File>, TryLockError> {
    Ok(None)
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
