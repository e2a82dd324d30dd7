//! The head's part of a run: by steps of an optimizer, or straight to the optimum.

use std::{
    collections::BTreeSet,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use tl_head::{
    CrossValidation, Head, HeadError, LogisticFit, LogisticOptions, LossOptions, Targets, fit_logistic_cv,
    fit_logistic_several_cv,
};
use tl_metrics::EpochRecord;

use crate::{
    checkpoint::{Checkpoints, Newest, OF_HEAD},
    error::TrainError,
    event::{Event, Observer},
    head_run::{Checkpoint, End, HeadRun},
    options::HeadKind,
    plan::Plan,
    run_folder::RunFolder,
    stopping::{Pace, StopReason, Stopping},
    table::Table,
};

/// A run shorter than this keeps no checkpoints: to start it again costs less than to write them.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(5);

/// Folds of the cross-validation that chooses a fitted head's penalty.
const N_FOLDS: usize = 5;

/// What a head is trained on.
pub(crate) struct HeadInputs<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) train: &'a Table,
    pub(crate) val: Option<&'a Table>,
    pub(crate) loss: LossOptions,
    pub(crate) n_classes: usize,
    /// Where its checkpoints are; none where it need not be gone on with.
    pub(crate) folder: Option<&'a RunFolder>,
    pub(crate) data_blake3: &'a str,
    /// When the run began, for its time budget.
    pub(crate) started: Instant,
}

/// How it ended.
pub(crate) enum Trained {
    Done {
        head: Head,
        records: Vec<EpochRecord>,
        stopped_early: Option<StopReason>,
        /// The epoch that was kept because the validation photos spoke for it.
        kept_epoch: Option<usize>,
        /// How the head was fitted, where it was: in one fit, or in one for each class that some photos have.
        fits: Vec<Option<LogisticFit>>,
    },
    Stopped {
        steps: usize,
        records: Vec<EpochRecord>,
    },
}

impl Trained {
    /// A head that took no steps, so that there was nothing to end early or to choose from.
    pub(crate) fn without_steps(head: Head) -> Self {
        Self::Done { head, records: Vec::new(), stopped_early: None, kept_epoch: None, fits: Vec::new() }
    }
}

impl HeadInputs<'_> {
    pub(crate) fn train(&self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Trained, TrainError> {
        match self.plan.options().head {
            HeadKind::Logistic => self.fit(observer, stop),
            HeadKind::Mlp | HeadKind::Linear => self.by_steps(observer, stop),
        }
    }

    /// Epochs of optimizer steps, from the checkpoint if there is one.
    fn by_steps(&self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Trained, TrainError> {
        let options = self.plan.options();
        let head = Head::new(&self.plan.head_config(self.n_classes), options.seed)?;
        // A head that never saw all photos helps nobody, and an epoch of it costs a blink.
        let min_steps = self.train.len().div_ceil(options.photos_per_step());
        let pace = Pace::new(options.photos_per_step(), self.train.len(), self.val.map_or(0, Table::len));
        let stopping = Stopping::new(options, self.started, min_steps, pace);
        let mut run = HeadRun::new(options, self.loss.clone(), &head, stopping)?;
        let files =
            |folder: &RunFolder| Checkpoints::new(OF_HEAD, folder.checkpoints()).of_run(options, self.data_blake3);
        let checkpoints = self.folder.map(files);
        if let Some(checkpoints) = &checkpoints {
            let newest = checkpoints.newest(|path| Checkpoint::open(path, checkpoints, head.config()))?;
            if let Some(Newest { checkpoint, passed_over }) = newest {
                run.restore(checkpoint)?;
                passed_over.remove(observer);
                run.tell_resumed(self.train.len(), observer);
            }
        }
        let mut saved = Instant::now();
        let save = |run: &HeadRun<'_>, observer: &mut dyn Observer| {
            if saved.elapsed() < CHECKPOINT_EVERY {
                return Ok(());
            }
            saved = Instant::now();
            run.save(checkpoints.as_ref(), observer)
        };
        let End::Finished(stopped_early) = run.train(self.train, self.val, observer, stop, save)? else {
            run.save(checkpoints.as_ref(), observer)?;
            let (steps, records) = run.position();
            return Ok(Trained::Stopped { steps, records });
        };
        let (head, records, kept_epoch) = run.into_result()?;
        Ok(Trained::Done { head, records, stopped_early, kept_epoch, fits: Vec::new() })
    }

    /// Logistic regression to its optimum; one line of history.
    fn fit(&self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Trained, TrainError> {
        let started = Instant::now();
        let options = self.plan.options();
        let groups = self.train.groups.clone();
        let n_units = groups.iter().collect::<BTreeSet<_>>().len();
        // Where all photos are one group there is no other way to compare penalties.
        let (groups, n_units) = if n_units > 1 { (groups, n_units) } else { (Vec::new(), self.train.len()) };
        let choice = CrossValidation {
            n_folds: N_FOLDS.min(n_units),
            seed: options.seed,
            n_views: self.train.n_rows() / self.train.len(),
            groups,
            ..Default::default()
        };
        // Before fine-tuning with the focal loss the head is fitted to its convex kin.
        let loss = LossOptions { focal_gamma: 0.0, ..self.loss.clone() };
        let fitting = LogisticOptions { loss, n_threads: self.plan.n_threads(), ..LogisticOptions::default() };
        let features = &self.train.features;
        let fitted = match &self.train.targets {
            Targets::Labels(labels) => fit_logistic_cv(features, labels, self.n_classes, &choice, &fitting, stop)
                .map(|fit| (fit.head.clone(), vec![Some(fit)])),
            Targets::Several { rows, n_classes } => {
                fit_logistic_several_cv(features, rows, *n_classes, &choice, &fitting, stop)
            }
        };
        let (head, fits) = match fitted {
            Err(HeadError::Stopped) => return Ok(Trained::Stopped { steps: 0, records: Vec::new() }),
            fitted => fitted?,
        };
        let evaluate = |table: &Table| table.evaluate(&head, &self.loss, self.plan.n_threads());
        let (train_loss, train_accuracy) = evaluate(self.train)?;
        let val = self.val.map(evaluate).transpose()?;
        let record = EpochRecord {
            epoch: 1,
            train_loss,
            train_accuracy,
            val_loss: val.map(|(loss, _)| loss),
            val_accuracy: val.map(|(_, accuracy)| accuracy),
            learning_rate: 0.0,
            seconds: started.elapsed().as_secs_f64(),
        };
        observer.event(&Event::Epoch { record: &record, n_epochs: 1, step: 0, n_photos: self.train.len() });
        if fits.iter().flatten().any(|fit| !fit.converged) {
            let problem =
                format!("the head is not at its optimum after {} steps; --head linear may do", fitting.max_iterations);
            observer.event(&Event::Warning(&problem));
        }
        Ok(Trained::Done { head, records: vec![record], stopped_early: None, kept_epoch: None, fits })
    }
}
