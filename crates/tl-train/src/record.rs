//! What a run tells, in the words of its event files.

use std::path::Path;

use tl_events::{Epoch, FORMAT, Record};
use tl_metrics::EpochRecord;

use crate::{event::Event, report::RunMetrics};

impl Event<'_> {
    /// The event as `events.jsonl` knows it; none for one that is progress only.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        Some(match *self {
            Event::Started { settings } => Record::Started { format: FORMAT, settings: settings.to_owned() },
            Event::Found { side, n_images, classes, counts } => {
                Record::Found { side: side.to_owned(), n_images, classes: classes.to_vec(), counts: counts.to_vec() }
            }
            Event::Ignored(n_files) => Record::Ignored { n_files },
            Event::Leaks(leaks) => Record::Leaks { n_leaks: leaks.len() },
            Event::Extracting { .. } | Event::FrozenKept { .. } | Event::BatchSize { .. } | Event::Saving => {
                return None;
            }
            Event::Extracted { n_photos, n_cached, seconds, skipped } => {
                Record::Extracted { n_photos, n_cached, n_skipped: skipped.len(), seconds }
            }
            Event::Warning(text) => Record::Warning { text: text.to_owned() },
            Event::StartsOver => Record::StartsOver,
            Event::Resumed { epochs, steps, step, .. } => Record::Resumed { epochs, steps, step },
            Event::Damaged { path, .. } => Record::Damaged { path: text(path) },
            Event::Step(step) => Record::Step(step),
            Event::Epoch { record, n_epochs, step, n_photos } => {
                Record::Epoch(epoch_record(record, n_epochs, step, n_photos))
            }
            Event::Checkpoint(path) => Record::Checkpoint { path: text(path) },
            Event::StoppedEarly(reason) => Record::StoppedEarly { reason: reason.to_string() },
            Event::Interrupted { epochs, steps } => Record::Interrupted { epochs, steps },
            Event::Saved(path) => Record::Saved { path: text(path) },
            Event::Finished(metrics) => finished(metrics),
        })
    }
}

fn epoch_record(record: &EpochRecord, n_epochs: usize, step: usize, n_photos: usize) -> Epoch {
    let EpochRecord { epoch, train_loss, train_accuracy, val_loss, val_accuracy, learning_rate, seconds } = *record;
    let photos_per_second = n_photos as f64 / seconds.max(1e-9);
    Epoch {
        epoch,
        n_epochs,
        step,
        train_loss,
        train_accuracy,
        val_loss,
        val_accuracy,
        learning_rate,
        photos_per_second,
        seconds,
    }
}

fn finished(metrics: &RunMetrics) -> Record {
    Record::Finished {
        val_accuracy: metrics.val_accuracy,
        val_accuracy_ci: metrics.val_accuracy_ci,
        val_loss: metrics.val_loss,
        val_log_loss: metrics.val_log_loss,
        seconds: metrics.seconds.values().sum(),
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
