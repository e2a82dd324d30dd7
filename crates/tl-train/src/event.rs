//! What a run tells its observer.

use std::path::{Path, PathBuf};

use tl_data::Skipped;
use tl_metrics::EpochRecord;

/// Something that happened in a run.
#[non_exhaustive]
#[derive(Debug)]
pub enum Event<'a> {
    /// The photos of one side were found.
    Found {
        /// `training` or `validation`.
        side: &'static str,
        /// The folder they came from, or whose part they are.
        classes: &'a [String],
        /// Photos per class.
        counts: &'a [usize],
    },
    /// So many files are debris, such as `.DS_Store`, and were passed over.
    Ignored(usize),
    /// Validation photos that training sees too flatter the accuracy: pairs of a training photo and its twin.
    Leaks(&'a [(PathBuf, PathBuf)]),
    /// Photos are being turned into features.
    Extracting {
        /// Photos done.
        n_done: usize,
        /// Photos in all.
        n_total: usize,
    },
    /// All features are there.
    Extracted {
        /// Photos that could be read.
        n_photos: usize,
        /// Features among them that were known from an earlier run.
        n_cached: usize,
        /// Wall time.
        seconds: f64,
        /// Photos that could not, with reasons.
        skipped: &'a [Skipped],
    },
    /// The feature cache could not be read or written; the run goes on without.
    CacheProblem(&'a str),
    /// The run goes on where it was interrupted.
    Resumed {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
    },
    /// The newest checkpoint is damaged; the one before is used.
    Damaged(&'a Path),
    /// An epoch ended.
    Epoch {
        /// Its numbers.
        record: &'a EpochRecord,
        /// Epochs in all.
        n_epochs: usize,
    },
    /// A file was written.
    Saved(&'a Path),
}

/// Listens to a run. A closure is one.
pub trait Observer {
    /// Hears of an event; the run waits meanwhile.
    fn event(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>)> Observer for F {
    fn event(&mut self, event: &Event<'_>) {
        self(event);
    }
}
