//! What can go wrong with event files.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why events could not be written or read.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The system refused.
    #[error("cannot write events into {}: {source}; free some space, or look at its rights", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The system refused.
    #[error("cannot read events: {source}")]
    Read {
        /// The system's reason, with the file's name.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is damaged at byte {at}: {reason}; what comes before it can be read by cutting it there", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        at: usize,
        /// What is wrong.
        reason: String,
    },
}

impl EventsError {
    pub(crate) fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    pub(crate) fn read(source: io::Error) -> Self {
        Self::Read { source }
    }
}
