//! A run from photos to bundle, as one line of steps.

mod checks;
mod command;
mod double_labels;
mod extracted;
mod summary;

use std::{sync::atomic::AtomicBool, time::Instant};

use tch::Device;
use tl_backbone::Weights;
use tl_features::{Cache, ExtractOptions, FeatureError};
use tl_head::Head;
use tl_metrics::EpochRecord;
use tl_model::{Bundle, Provenance};

use crate::{
    batch_size::with_batch_size,
    data::Data,
    error::TrainError,
    event::{Event, Observer},
    finetune::{Checkpoints, TuneInputs, Tuned},
    options::TrainOptions,
    plan::Plan,
    proof_ahead::ProofAhead,
    report::{RunMetrics, write_history, write_metrics, write_skipped},
    run_folder::{RunFolder, write_file},
    table::{Table, labels, samples, table},
    targets::worth,
    train_head::{HeadInputs, Trained},
    views::{views, with_views},
};

pub(crate) use self::checks::{check_classes, check_skipped};
use self::{
    checks::check_stopping,
    command::{command_line, first_command},
    extracted::{Extracted, extracted},
    summary::{Clock, Counts, run_metrics},
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

/// Trains a head on the frozen backbone's features.
///
/// With a checkpoint in the run folder it goes on from there, to the same bits as a run that was never
/// interrupted. Setting `stop` ends the run after the current step; its state is saved.
pub fn train(inputs: RunInputs, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, TrainError> {
    let folder = inputs.folder.clone();
    let before = folder.as_found();
    let mut history = Vec::new();
    let mut listening = |event: &Event<'_>| {
        match event {
            Event::Resumed { history: earlier, .. } => history = earlier.to_vec(),
            Event::Epoch { record, .. } => history.push(**record),
            _ => {}
        }
        observer.event(event);
    };
    let outcome = run(inputs, &mut listening, stop);
    let outcome = outcome.inspect_err(|error| {
        folder.restore_config(&before);
        if error.is_of_writing() && !history.is_empty() {
            // The curve is small, and may fit where the model did not.
            let _ = write_history(&folder, &history);
        }
    })?;
    if let Outcome::Interrupted { epochs, steps } = outcome {
        observer.event(&Event::Interrupted { epochs, steps });
    }
    folder.mark_latest();
    Ok(outcome)
}

/// The steps of [`train`].
#[allow(clippy::too_many_lines, reason = "one line of steps, each with its heading")]
fn run(inputs: RunInputs, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome, TrainError> {
    let RunInputs { plan, data, weights, folder, device, command, cache, started } = inputs;
    let mut clock = Clock::default();
    let plan = with_batch_size(plan.on(device)?, &data, &weights, observer)?;
    let options = plan.options();
    check_stopping(&plan, &data)?;
    let file_weights = options.class_weights.read(&data.classes)?;

    let starts_over = folder.starts_over();
    let command = first_command(&folder.config(), command);

    // ---- Settings, written first so that a run that is cut off here can be resumed.
    let bound = TrainOptions { class_weights: options.class_weights.bound(), ..options.clone() };
    let settings = toml::to_string(&bound).map_err(|e| TrainError::Options { problems: vec![e.to_string()] })?;
    let with_command = command_line(&command) + &settings;
    write_file(&folder.config(), |out| out.write_all(with_command.as_bytes()))?;
    observer.event(&Event::Started { settings: &settings });
    if starts_over {
        observer.event(&Event::StartsOver);
    }
    announce(&data, observer);
    let weights = match options.pretrained {
        true => weights,
        false => Weights::initial(plan.spec(), options.seed)?,
    };

    // ---- Features of all photos, in one go, and beside them what the model's proof needs of a network that stays.
    let golden = (!plan.tunes_backbone() && options.threads != 1).then(|| ProofAhead::begin(weights.clone()));
    let extracting = ExtractOptions { cache, ..plan.extracting() };
    let found = extracted((&plan, &data, &weights), &extracting, &mut clock, observer, stop)?;
    let Some(found) = found else { return Ok(Outcome::Interrupted { epochs: 0, steps: 0 }) };
    let Extracted { train: mut train_features, val: val_features, skipped, data_blake3, n_cached } = found;
    let (n_train, n_val) = (train_features.len(), val_features.len());
    write_skipped(&folder, &skipped)?;
    let train_labels = labels(&train_features, &data.train);
    check_skipped(&skipped, n_train + n_val, options.max_skipped)?;
    check_classes(&data, &train_labels, &skipped)?;

    // ---- Views of the training photos.
    let mut train_rows = None;
    if let Some(views) = views(options)? {
        let paths: Vec<_> = train_features.photos.iter().map(|&photo| data.train[photo].path.clone()).collect();
        let extracting = ExtractOptions { views: Some(views), ..extracting };
        train_rows = match with_views(&weights, &train_features, &paths, &extracting, observer, stop) {
            Err(TrainError::Features(FeatureError::Stopped { .. })) => {
                return Ok(Outcome::Interrupted { epochs: 0, steps: 0 });
            }
            rows => Some(rows?),
        };
    }
    // Taken, not copied: of many photos they are most of the memory.
    let train_rows = train_rows.unwrap_or_else(|| std::mem::take(&mut train_features.rows));
    clock.lap("views");

    // ---- The head.
    let train = table(train_rows, plan.spec().n_features, &train_labels, &data);
    let val_labels = labels(&val_features, &data.val);
    let val = (n_val > 0).then(|| table(val_features.rows.clone(), val_features.width, &val_labels, &data));
    let head_plan = plan.for_head();
    let counts = data.count(train_labels.iter().copied());
    let loss = options.loss_options(options.class_weights.of(&counts, file_weights));
    let inputs = HeadInputs {
        plan: &head_plan,
        train: &train,
        val: val.as_ref(),
        loss: loss.clone(),
        n_classes: data.classes.len(),
        folder: Some(&folder),
        data_blake3: &data_blake3,
        started,
    };
    // A checkpoint of fine-tuning brings its own head.
    let needs_no_head =
        plan.starts_from_random_head() || plan.tunes_backbone() && Checkpoints::new(folder.checkpoints(), "").any();
    let trained = match needs_no_head {
        true => Trained::without_steps(Head::new(&plan.head_config(data.classes.len()), options.seed)?, Vec::new()),
        false => inputs.train(observer, stop)?,
    };
    let (mut head, mut history, mut stopped_early, mut kept_epoch) = match trained {
        Trained::Done { head, records, stopped_early, kept_epoch } => (head, records, stopped_early, kept_epoch),
        Trained::Stopped { steps, records } => return interrupted(&folder, steps, &records),
    };
    clock.lap("training");

    // ---- The backbone, where it is to move.
    let (mut weights, mut val, mut tuning) = (weights, val, None);
    if plan.tunes_backbone() {
        let evaluate = |val: &Table| val.evaluate(&head, &loss, plan.n_threads());
        let before = val.as_ref().filter(|_| !needs_no_head).map(evaluate).transpose()?;
        // What was known already says nothing of how fast photos are.
        let seconds_per_photo = (n_cached == 0).then(|| clock.seconds("features") / (n_train + n_val).max(1) as f64);
        let inputs = TuneInputs {
            plan: &plan,
            weights: &weights,
            head,
            records: history,
            loss,
            answers: data.answers(),
            train: samples(&train_features, &data.train),
            val: samples(&val_features, &data.val),
            started,
            seconds_per_photo,
        };
        let before = before.map(|(loss, accuracy)| (val_features, loss, accuracy));
        let checkpoints = Checkpoints::new(folder.checkpoints(), &data_blake3);
        let tuned = match inputs.train(&checkpoints, before, observer, stop)? {
            Tuned::Done(tuned) => tuned,
            Tuned::Stopped { steps, records } => return interrupted(&folder, steps, &records),
        };
        (weights, head, history, stopped_early) = (tuned.weights, tuned.head, tuned.history, tuned.stopped_early);
        val = tuned.val.map(|features| table(features.rows, features.width, &val_labels, &data));
        kept_epoch = tuned.kept_epoch;
        tuning = Some((tuned.proof, tuned.images_per_second));
        clock.lap("tuning");
    }

    // ---- What it is worth.
    let worth = val.map(|val| worth(&head, &val, &val_labels, &data, plan.n_threads())).transpose()?;
    clock.lap("evaluation");

    // ---- Files.
    let provenance = Provenance {
        command,
        tl_version: env!("CARGO_PKG_VERSION").to_owned(),
        libtorch_version: tl_torch::libtorch_version(),
        seed: options.seed,
        precision: plan.precision().name().to_owned(),
        n_train,
        n_val,
        data_blake3,
        settings,
        tuned_weights_sha256: plan.tunes_backbone().then(|| weights.sha256()),
    };
    let preprocessing = plan.preprocessing();
    let classes = data.classes.clone();
    let multi_label = options.multi_label;
    let bundle = Bundle { weights, head, classes, multi_label, preprocessing, temperature: 1.0, provenance };
    match golden.and_then(ProofAhead::finish) {
        Some(golden) => bundle.save_with(&folder.model(), &golden?)?,
        None => bundle.save(&folder.model())?,
    }
    observer.event(&Event::Saved(&folder.model()));
    write_history(&folder, &history)?;
    clock.lap("saving");
    let counts = Counts { train: n_train, val: n_val, skipped: skipped.len(), leaks: data.leaks.len() };
    let mut metrics = run_metrics(&data.classes, worth, (&history, kept_epoch), stopped_early, counts, clock);
    let (freezing, images_per_second) = tuning.unzip();
    (metrics.freezing, metrics.tuned_images_per_second) = (freezing, images_per_second.flatten());
    write_metrics(&folder, &metrics)?;
    observer.event(&Event::Finished(&metrics));
    folder.remove_checkpoints();
    Ok(Outcome::Finished(Box::new(metrics)))
}

/// What there is of the run's curve is written down, too.
fn interrupted(folder: &RunFolder, steps: usize, records: &[EpochRecord]) -> Result<Outcome, TrainError> {
    write_history(folder, records)?;
    Ok(Outcome::Interrupted { epochs: records.len(), steps })
}

fn announce(data: &Data, observer: &mut dyn Observer) {
    for (side, samples) in [("training", &data.train), ("validation", &data.val)] {
        let (n_images, classes, counts) = (samples.len(), &data.classes, &data.counts(samples));
        observer.event(&Event::Found { side, n_images, classes, counts });
    }
    if data.n_ignored > 0 {
        observer.event(&Event::Ignored(data.n_ignored));
    }
    if !data.leaks.is_empty() {
        observer.event(&Event::Leaks(&data.leaks));
    }
}
