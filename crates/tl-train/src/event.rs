//! What a run tells its observers.

use std::path::{Path, PathBuf};

use tl_data::Skipped;
use tl_metrics::EpochRecord;

use crate::{report::RunMetrics, stopping::StopReason};

/// Something that happened in a run.
#[non_exhaustive]
#[derive(Debug)]
pub enum Event<'a> {
    /// The run starts, or starts again.
    Started {
        /// Every setting as used, as TOML.
        settings: &'a str,
    },
    /// The photos of one side were found.
    Found {
        /// `training` or `validation`.
        side: &'static str,
        /// Photos in all.
        n_images: usize,
        /// Names of the classes; position is label.
        classes: &'a [String],
        /// Photos per class; one with several classes counts for each.
        counts: &'a [usize],
    },
    /// So many files are debris, such as `.DS_Store`, and were passed over.
    Ignored(usize),
    /// Validation photos that training sees too flatter the accuracy: pairs of a training photo and its twin.
    Leaks(&'a [(PathBuf, PathBuf)]),
    /// A batch size was found, as the settings asked for.
    BatchSize {
        /// Photos per batch.
        batch_size: usize,
        /// What it was chosen for.
        why: &'a str,
    },
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
    /// Something that the run can do without failed, such as the feature cache; it goes on without.
    Warning(&'a str),
    /// The run is gone on with, and had saved nothing to go on from.
    StartsOver,
    /// The run goes on where it was interrupted.
    Resumed {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
        /// Finished steps of the whole run.
        step: usize,
        /// The finished epochs' numbers.
        history: &'a [EpochRecord],
    },
    /// A checkpoint is damaged, and an older one is used.
    Damaged {
        /// The damaged one.
        path: &'a Path,
        /// The one that is used: the one before, or the best epoch's.
        instead: &'a Path,
    },
    /// From this epoch on what the frozen layers make of the training photos is not computed again.
    FrozenKept {
        /// Training photos.
        n_photos: usize,
        /// Memory that it takes.
        n_bytes: u64,
    },
    /// The optimizer took a step.
    Step(tl_events::Step),
    /// An epoch ended, and the validation photos were looked at.
    Epoch {
        /// Its numbers.
        record: &'a EpochRecord,
        /// Epochs in all.
        n_epochs: usize,
        /// Finished steps of the whole run; none where a head was fitted to its optimum.
        step: usize,
        /// Photos that it was trained on.
        n_photos: usize,
    },
    /// The state of the run is about to be saved: a run that goes on from it does not tell again what was told until now,
    /// which is to be safe by then.
    Saving,
    /// The state of the run was saved.
    Checkpoint(&'a Path),
    /// The user stopped the run; all is saved, and it can be resumed.
    Interrupted {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
    },
    /// The run ends before its last epoch.
    StoppedEarly(&'a StopReason),
    /// A file was written.
    Saved(&'a Path),
    /// The run went through.
    Finished(&'a RunMetrics),
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
