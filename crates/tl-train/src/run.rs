//! A run from photos to bundle, as one line of steps.

mod changed;
mod checks;
mod command;
mod double_labels;
mod extracted;
mod head;
mod results;
mod rows;
mod settings;
mod summary;
mod tuning;

use std::{sync::atomic::AtomicBool, time::Instant};

use tch::Device;
use tl_backbone::Weights;
use tl_data::Sample;
use tl_features::{Cache, ExtractOptions};

pub(crate) use self::checks::{check_classes, check_skipped};
use self::{changed::first_change, checks::check_stopping, settings::Settings, summary::Clock};
use crate::{
    batch_size::with_batch_size,
    data::Data,
    error::TrainError,
    event::{Event, Observer},
    options::TrainOptions,
    plan::Plan,
    proof_ahead::ProofAhead,
    report::{RunMetrics, write_history},
    run_folder::RunFolder,
};

/// What a run works on.
#[derive(Debug)]
pub struct RunInputs {
    /// The checked settings.
    pub plan: Plan,
    /// The photos.
    pub data: Data,
    /// The pretrained network.
    pub weights: Weights,
    /// Where the results go.
    pub folder: RunFolder,
    /// Where the backbone runs; heads train on the processor.
    pub device: Device,
    /// The command that started it, for the record; a resumed run keeps its first one.
    pub command: Vec<String>,
    /// Features that are known already, and where new ones are kept.
    pub cache: Option<Cache>,
    /// When the run began, for its time budget: finding the photos is a part of it.
    pub started: Instant,
}

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// It went through, and its files are written.
    Finished(Box<RunMetrics>),
    /// It was asked to stop, and can be resumed.
    Interrupted {
        /// Finished epochs.
        epochs: usize,
        /// Finished steps of the next one.
        steps: usize,
    },
}

/// Trains a head on the backbone's features, and the backbone with it where the recipe says so.
///
/// With a checkpoint in the run folder it goes on from there, to the same bits as a run that was never
/// interrupted. Setting `stop` ends the run after the current step; its state is saved.
///
/// # Errors
/// [`TrainError::Options`] for settings that the photos or the device do not allow; [`TrainError::Resume`] for a
/// checkpoint that is damaged, and [`TrainError::PhotosChanged`] for one of other photos; [`TrainError::Diverged`] for a
/// loss that left the numbers; and those of photos, files and networks that cannot be used. A run that was asked to stop is no error.
pub fn train(inputs: RunInputs, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, TrainError> {
    let folder = inputs.folder.clone();
    let before = folder.as_found();
    let mut history = Vec::new();
    let mut listening = |event: &Event<'_>| {
        match event {
            Event::Resumed { history: earlier, .. } => history = earlier.to_vec(),
            Event::Epoch { record, .. } => history.push(**record),
            // For those who look at a run that was killed; it is written anew at the end.
            Event::Checkpoint(_) => drop(write_history(&folder, &history)),
            _ => {}
        }
        observer.event(event);
    };
    let outcome = match run(inputs, &mut listening, stop) {
        Ok(metrics) => Outcome::Finished(Box::new(metrics)),
        Err(Halt::Interrupted { epochs, steps }) => {
            observer.event(&Event::Interrupted { epochs, steps });
            Outcome::Interrupted { epochs, steps }
        }
        Err(Halt::Failed(mut error)) => {
            if let TrainError::PhotosChanged { change, .. } = &mut error {
                *change =
                    before.photos().zip(fs_err::read(folder.photos()).ok()).and_then(|(a, b)| first_change(a, &b));
            }
            folder.restore(&before);
            if error.is_of_writing() && !history.is_empty() {
                // The curve is small, and may fit where the model did not.
                let _ = write_history(&folder, &history);
            }
            return Err(error);
        }
    };
    folder.mark_latest();
    Ok(outcome)
}

/// What all steps of a run share.
struct Run<'a> {
    plan: &'a Plan,
    data: &'a Data,
    folder: &'a RunFolder,
    started: Instant,
    clock: Clock,
    observer: &'a mut dyn Observer,
    stop: &'a AtomicBool,
}

/// Why a run ends before its end.
enum Halt {
    /// It was asked to.
    Interrupted {
        epochs: usize,
        steps: usize,
    },
    Failed(TrainError),
}

impl<E: Into<TrainError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// The steps of [`train`].
fn run(inputs: RunInputs, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<RunMetrics, Halt> {
    let RunInputs { plan, data, weights, folder, device, command, cache, started } = inputs;
    let clock = Clock::default();
    let plan = with_batch_size(plan.on(device)?.with_class_weights_bound(), &data, &weights, observer)?;
    let options = plan.options();
    check_stopping(&plan, data.val.len())?;
    let class_weights = options.class_weights.read(&data.classes)?;
    // Written first, so that a run that is cut off here can be resumed.
    let settings = Settings::write(options, &folder, command, observer)?;
    announce(&data, options, observer);
    let weights = plan.starting_weights(&weights)?;
    // Beside all else, what the model's proof needs of a network that stays.
    let golden = (!plan.tunes_backbone() && options.threads != 1).then(|| ProofAhead::begin(weights.clone()));

    let mut run = Run { plan: &plan, data: &data, folder: &folder, started, clock, observer, stop };
    let extracting = ExtractOptions { cache, ..plan.extracting() };
    let mut rows = run.rows(&weights, extracting)?;
    // Those that were found may all be broken, or all of a class.
    check_stopping(&plan, rows.val_photos.len())?;
    if !rows.val_photos.is_empty() {
        let (before, now) = (unseen(&data, &data.val), unseen(&data, &rows.val_photos));
        let gone: Vec<_> = now.into_iter().filter(|class| !before.contains(class)).collect();
        warn_of_unseen(&gone, run.observer);
    }
    let counts = data.count(rows.train.labels[..rows.train.len()].iter().copied());
    let loss = options.loss_options(options.class_weights.of(&counts, class_weights));
    let learnt = run.train_head(&rows, &loss)?;
    let learnt = match plan.tunes_backbone() {
        true => run.tune(&weights, &mut rows, learnt, loss)?,
        false => learnt,
    };
    run.write_results(weights, rows, learnt, golden, settings)
}

fn announce(data: &Data, options: &TrainOptions, observer: &mut dyn Observer) {
    for (side, samples) in [("training", &data.train), ("validation", &data.val)] {
        let (n_images, classes, counts) = (samples.len(), &data.classes, &data.counts(samples));
        observer.event(&Event::Found { side, n_images, classes, counts });
    }
    if !data.val.is_empty() {
        warn_of_unseen(&unseen(data, &data.val), observer);
    } else if options.val_fraction > 0.0 {
        let problem =
            "no photo could be held out: each class has one photo, or one that all others are like or go with";
        observer.event(&Event::Warning(problem));
    }
    if data.n_ignored > 0 {
        observer.event(&Event::Ignored(data.n_ignored));
    }
    if !data.leaks.is_empty() {
        observer.event(&Event::Leaks(&data.leaks));
    }
}

/// Classes that none of the photos is of.
fn unseen<'a>(data: &'a Data, photos: &[Sample]) -> Vec<&'a str> {
    data.classes.iter().zip(data.counts(photos)).filter(|(_, n)| *n == 0).map(|(class, _)| class.as_str()).collect()
}

fn warn_of_unseen(classes: &[&str], observer: &mut dyn Observer) {
    if !classes.is_empty() {
        let problem =
            format!("no photo to validate on is of {}; the accuracy says nothing of that", classes.join(", "));
        observer.event(&Event::Warning(&problem));
    }
}
