//! What happened in a run, in the words of `events.jsonl`.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// Version of the records' layout.
pub const FORMAT: u32 = 1;

/// A line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Seconds since 1970.
    pub time: f64,
    /// What happened then.
    #[serde(flatten)]
    pub record: Record,
}

impl Line {
    /// Of something that happens now.
    #[must_use]
    pub fn now(record: Record) -> Self {
        Self { time: now(), record }
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Something that happened in a run; the key `event` says what, in lower case.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record {
    /// The run starts, or starts again.
    Started {
        /// [`FORMAT`].
        format: u32,
        /// Every setting, as TOML.
        settings: String,
    },
    /// The photos of one side were found.
    Found {
        /// `training` or `validation`.
        side: String,
        /// Photos.
        n_images: usize,
        /// Names of the classes.
        classes: Vec<String>,
        /// Photos of each.
        counts: Vec<usize>,
    },
    /// Files that are debris were passed over.
    Ignored {
        /// So many.
        n_files: usize,
    },
    /// Validation photos that training sees too.
    Leaks {
        /// So many.
        n_leaks: usize,
    },
    /// All features are there.
    Extracted {
        /// Photos that could be read.
        n_photos: usize,
        /// Those among them whose features were known.
        n_cached: usize,
        /// Photos that could not be read.
        n_skipped: usize,
        /// Wall time.
        seconds: f64,
    },
    /// Something that the run can do without failed.
    Warning {
        /// What, and why.
        text: String,
    },
    /// The run had saved nothing and starts over: earlier records of steps and epochs are taken back.
    StartsOver,
    /// The run goes on after `step`: earlier records of later steps and epochs are taken back.
    Resumed {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
        /// Finished steps of the whole run.
        step: usize,
    },
    /// A checkpoint is damaged; the one before it is used.
    Damaged {
        /// The checkpoint.
        path: String,
    },
    /// The optimizer took a step.
    Step(Step),
    /// An epoch ended.
    Epoch(Epoch),
    /// The state of the run was saved.
    Checkpoint {
        /// The file.
        path: String,
    },
    /// The run ends before its last epoch.
    StoppedEarly {
        /// Why.
        reason: String,
    },
    /// The user stopped the run; it can be resumed.
    Interrupted {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
    },
    /// The model was written.
    Saved {
        /// The file.
        path: String,
    },
    /// The run went through.
    Finished {
        /// Fraction of validation photos classified rightly.
        val_accuracy: Option<f64>,
        /// Its 95 % interval.
        val_accuracy_ci: Option<[f64; 2]>,
        /// Mean loss on them in the epoch that was kept.
        val_loss: Option<f64>,
        /// Plain cross-entropy on them.
        #[serde(default)]
        val_log_loss: Option<f64>,
        /// Wall time.
        seconds: f64,
    },
}

impl Record {
    /// Whether a resumed run goes on at this record.
    pub(crate) fn says_where_to_go_on(&self) -> bool {
        matches!(self, Self::StartsOver | Self::Resumed { .. } | Self::Step(_) | Self::Epoch(_))
    }

    /// Whether a run that goes on at this record does again what `earlier` tells of.
    pub(crate) fn takes_back(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::StartsOver, Self::Step(_) | Self::Epoch(_)) => true,
            (Self::Resumed { step, .. }, Self::Step(earlier)) => earlier.step > *step,
            // An epoch that took all its steps may still not be over.
            (Self::Resumed { epochs, .. }, Self::Epoch(earlier)) => earlier.epoch > *epochs,
            _ => self.step().zip(earlier.step()).is_some_and(|(step, earlier)| earlier >= step),
        }
    }

    /// Steps of the whole run that are done at the end of a step or an epoch.
    fn step(&self) -> Option<usize> {
        match self {
            Self::Step(Step { step, .. }) | Self::Epoch(Epoch { step, .. }) => Some(*step),
            _ => None,
        }
    }
}

/// A step of the optimizer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its epoch, from 1.
    pub epoch: usize,
    /// Its number in the whole run, from 1.
    pub step: usize,
    /// Steps of the whole run, as far as is known.
    pub n_steps: usize,
    /// Mean loss of its photos, before the step.
    pub loss: f64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Photos trained on per second.
    pub photos_per_second: f64,
}

/// The numbers of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Epoch {
    /// Its number, from 1.
    pub epoch: usize,
    /// Epochs in all, as far as is known.
    pub n_epochs: usize,
    /// Finished steps of the whole run.
    pub step: usize,
    /// Mean loss of the training photos while the weights moved.
    pub train_loss: f64,
    /// Fraction of them classified rightly.
    pub train_accuracy: f64,
    /// Mean loss of the validation photos after the epoch, the one that is trained.
    pub val_loss: Option<f64>,
    /// Fraction of them classified rightly.
    pub val_accuracy: Option<f64>,
    /// Learning rate of its last step.
    pub learning_rate: f64,
    /// Photos trained on per second, validation left out.
    pub photos_per_second: f64,
    /// Wall time of its steps.
    pub seconds: f64,
}
