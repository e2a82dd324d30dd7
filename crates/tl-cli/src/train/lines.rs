//! What a run's events are for a person: lines of text.

use std::path::{Path, PathBuf};

use tl_metrics::EpochRecord;
use tl_train::Event;

use crate::{output, skipped};

/// The lines that tell of an event; none for most. `run` is the run's folder.
pub(crate) fn lines(event: &Event<'_>, run: &Path) -> Vec<String> {
    let line = match event {
        Event::Found { side, n_images, classes, counts } => found(side, *n_images, classes, counts),
        Event::Ignored(n) => format!("Passed over {} that no photo folder needs", skipped::plural(*n, "file")),
        Event::Leaks(pairs) => return leaks(pairs).into_iter().collect(),
        Event::Extracted { n_photos, n_cached, seconds, skipped } => {
            let list = run.join("skipped.csv").display().to_string();
            let mut lines = vec![extracted(*n_photos, *n_cached, *seconds)];
            lines.extend(skipped::lines(skipped, Some(&list)));
            return lines;
        }
        Event::BatchSize { batch_size, why } => format!("Batches of {batch_size}: {why}"),
        Event::FrozenKept { n_photos, n_bytes } => format!(
            "The frozen layers are done with the {n_photos} photos: what they make of them is kept ({:.0} MB)",
            *n_bytes as f64 / 1e6
        ),
        Event::Warning(text) => format!("Careful: {text}"),
        Event::StartsOver => "The run had saved no checkpoint yet: it starts over.".to_owned(),
        Event::Resumed { epochs, steps, .. } => format!("Going on after {epochs} epochs and {steps} steps."),
        Event::Damaged { path, instead } => {
            format!("{} is damaged; going on from {}.", path.display(), instead.display())
        }
        Event::Epoch { record, n_epochs, .. } => epoch(record, *n_epochs),
        Event::StoppedEarly(reason) => format!("Stopping early: {reason}."),
        Event::Interrupted { epochs: 0, steps: 0 } => {
            format!("Stopped before a step was taken; go on with:\n  {}", resume_command(run))
        }
        Event::Interrupted { epochs, steps } => format!(
            "Stopped after {epochs} epochs and {steps} steps; all of it is saved. Go on with:\n  {}",
            resume_command(run)
        ),
        _ => return Vec::new(),
    };
    vec![line]
}

/// What goes on with a run.
pub(super) fn resume_command(run: &Path) -> String {
    format!("{} train --resume {}", output::program(), output::quoted(&run.to_string_lossy()))
}

fn found(side: &str, n_images: usize, classes: &[String], counts: &[usize]) -> String {
    if n_images == 0 {
        return format!("No {side} images: nothing will say how good the model is.");
    }
    let per_class: Vec<_> = classes.iter().zip(counts).map(|(class, n)| format!("{class} {n}")).collect();
    let n_classes = counts.iter().filter(|n| **n > 0).count();
    format!("Found {n_images} images belonging to {n_classes} classes for {side}: {}", per_class.join(", "))
}

fn leaks(pairs: &[(PathBuf, PathBuf)]) -> Option<String> {
    let (train, val) = pairs.first()?;
    Some(format!(
        "Careful: {} equal or resemble a training photo, which flatters the accuracy; the first: {} and {}",
        skipped::plural(pairs.len(), "validation photo"),
        val.display(),
        train.display()
    ))
}

fn extracted(n_photos: usize, n_cached: usize, seconds: f64) -> String {
    let rate = n_photos as f64 / seconds.max(1e-9);
    let known = match n_cached {
        0 => String::new(),
        n => format!(", {n} known from an earlier run"),
    };
    format!("Read {n_photos} photos in {seconds:.2} s ({rate:.0} photos/s{known})")
}

fn epoch(record: &EpochRecord, n_epochs: usize) -> String {
    let EpochRecord { epoch, train_loss, train_accuracy, val_loss, val_accuracy, .. } = *record;
    let val = val_loss
        .zip(val_accuracy)
        .map(|(loss, accuracy)| format!(" | validation loss {loss:.4} accuracy {:5.1} %", accuracy * 100.0));
    let width = n_epochs.to_string().len();
    format!(
        "Epoch {epoch:>width$}/{n_epochs}: loss {train_loss:.4} accuracy {:5.1} %{}",
        train_accuracy * 100.0,
        val.unwrap_or_default()
    )
}
