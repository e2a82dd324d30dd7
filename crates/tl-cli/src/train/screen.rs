//! A run, shown as it goes: lines, and bars on a terminal.

use std::path::{Path, PathBuf};

use tl_metrics::EpochRecord;
use tl_train::{Event, Observer};

use crate::{
    output,
    progress::{Display, PhotoProgress},
    skipped,
};

/// Shows the events of a run to a person.
pub(crate) struct Screen {
    display: Display,
    run: PathBuf,
    photos: Option<PhotoProgress>,
}

impl Observer for Screen {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Found { side, classes, counts } => self.found(side, classes, counts),
            Event::Ignored(n) => {
                self.display.line(&format!("Passed over {} that no photo folder needs", skipped::plural(*n, "file")));
            }
            Event::Leaks(pairs) => self.leaks(pairs),
            Event::Extracting { n_done, n_total } => {
                let display = self.display;
                self.photos.get_or_insert_with(|| PhotoProgress::new(*n_total, "Reading", display)).set(*n_done);
            }
            Event::Extracted { n_photos, n_cached, seconds, skipped } => {
                self.extracted(*n_photos, *n_cached, *seconds, skipped);
            }
            Event::Warning(text) => output::note(&format!("Careful: {text}")),
            Event::Resumed { epochs, steps, .. } => {
                self.display.line(&format!("Going on after {epochs} epochs and {steps} steps."));
            }
            Event::Damaged(path) => {
                self.display.line(&format!("{} is damaged; going on from the checkpoint before it.", path.display()));
            }
            Event::Epoch { record, n_epochs, .. } => self.epoch(record, *n_epochs),
            Event::StoppedEarly(reason) => {
                self.display.line(&format!("Stopping early: {reason}."));
            }
            Event::Interrupted { epochs, steps } => self.interrupted(*epochs, *steps),
            _ => {}
        }
    }
}

impl Screen {
    pub(crate) fn new(display: Display, run: &Path) -> Self {
        Self { display, run: run.to_owned(), photos: None }
    }

    /// Says how to go on.
    fn interrupted(&self, epochs: usize, steps: usize) {
        if let Some(photos) = &self.photos {
            photos.clear();
        }
        let run = self.run.display();
        self.display.line(&format!("Stopped after {epochs} epochs and {steps} steps; all of it is saved. Go on with:\n  {} train --resume {run}", output::program()));
    }

    fn found(&self, side: &str, classes: &[String], counts: &[usize]) {
        let n_images: usize = counts.iter().sum();
        if n_images == 0 {
            return self.display.line(&format!("No {side} images: nothing will say how good the model is."));
        }
        let per_class: Vec<_> = classes.iter().zip(counts).map(|(class, n)| format!("{class} {n}")).collect();
        let n_classes = counts.iter().filter(|n| **n > 0).count();
        self.display.line(&format!(
            "Found {n_images} images belonging to {n_classes} classes for {side}: {}",
            per_class.join(", ")
        ));
    }

    fn leaks(&self, pairs: &[(PathBuf, PathBuf)]) {
        let Some((train, val)) = pairs.first() else { return };
        self.display.line(&format!(
            "Careful: {} equal or resemble a training photo, which flatters the accuracy; the first: {} and {}",
            skipped::plural(pairs.len(), "validation photo"),
            val.display(),
            train.display()
        ));
    }

    fn extracted(&mut self, n_photos: usize, n_cached: usize, seconds: f64, skipped: &[tl_data::Skipped]) {
        if let Some(photos) = self.photos.take() {
            photos.clear();
        }
        let rate = n_photos as f64 / seconds.max(1e-9);
        let known = match n_cached {
            0 => String::new(),
            n => format!(", {n} known from an earlier run"),
        };
        self.display.line(&format!("Read {n_photos} photos in {seconds:.2} s ({rate:.0} photos/s{known})"));
        if self.display == Display::Person {
            skipped::say(skipped, Some(&self.run.join("skipped.csv").display().to_string()));
        }
    }

    fn epoch(&self, record: &EpochRecord, n_epochs: usize) {
        let EpochRecord { epoch, train_loss, train_accuracy, val_loss, val_accuracy, .. } = *record;
        let val = val_loss
            .zip(val_accuracy)
            .map(|(loss, accuracy)| format!(" | validation loss {loss:.4} accuracy {:5.1} %", accuracy * 100.0));
        let width = n_epochs.to_string().len();
        self.display.line(&format!(
            "Epoch {epoch:>width$}/{n_epochs}: loss {train_loss:.4} accuracy {:5.1} %{}",
            train_accuracy * 100.0,
            val.unwrap_or_default()
        ));
    }
}
