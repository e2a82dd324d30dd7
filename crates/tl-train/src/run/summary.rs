//! A run in numbers.

use std::{collections::BTreeMap, time::Instant};

use tl_head::LogisticFit;
use tl_metrics::{EpochRecord, Worth};

use crate::{
    data::Data,
    report::{FitRecord, RunMetrics},
    stopping::StopReason,
};

/// How many photos went where.
#[derive(Clone, Copy)]
pub(super) struct Counts {
    pub(super) train: usize,
    pub(super) val: usize,
    /// Those of both whose features were known before.
    pub(super) cached: usize,
    pub(super) skipped: usize,
    pub(super) leaks: usize,
}

/// Wall time by phase.
pub(super) struct Clock {
    last: Instant,
    seconds: BTreeMap<String, f64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { last: Instant::now(), seconds: BTreeMap::new() }
    }
}

impl Clock {
    pub(super) fn lap(&mut self, phase: &str) {
        self.seconds.insert(phase.to_owned(), self.last.elapsed().as_secs_f64());
        self.last = Instant::now();
    }

    pub(super) fn seconds(&self, phase: &str) -> f64 {
        self.seconds.get(phase).copied().unwrap_or(0.0)
    }
}

/// `history` comes with the epoch that was kept, where it was chosen: its numbers are those of the model.
pub(super) fn run_metrics(
    classes: &[String],
    worth: Option<Worth>,
    (history, kept_epoch): (&[EpochRecord], Option<usize>),
    stopped_early: Option<StopReason>,
    counts: Counts,
    clock: Clock,
) -> RunMetrics {
    let (accuracy, accuracy_ci) = worth.as_ref().map(|worth| (worth.accuracy(), worth.accuracy_ci())).unzip();
    let log_loss = worth.as_ref().map(Worth::log_loss);
    let per_class = worth.as_ref().map(|worth| worth.per_class().to_vec());
    let (one, several) = match worth {
        Some(Worth::One(one)) => (Some(*one), None),
        Some(Worth::Several(several)) => (None, Some(*several)),
        None => (None, None),
    };
    let kept = kept_epoch.map_or(history.last(), |kept| history.iter().find(|record| record.epoch == kept));
    let n_computed = (counts.train + counts.val).saturating_sub(counts.cached);
    RunMetrics {
        format: 1,
        val_accuracy: accuracy,
        val_accuracy_ci: accuracy_ci,
        val_loss: kept.and_then(|r| r.val_loss),
        val_log_loss: log_loss,
        classes: classes.to_vec(),
        confusion: one.as_ref().map(|e| e.confusion.clone()),
        per_class,
        validation: one,
        multi_label: several,
        train_accuracy: kept.map_or(0.0, |r| r.train_accuracy),
        train_loss: kept.map_or(0.0, |r| r.train_loss),
        n_train: counts.train,
        n_val: counts.val,
        n_skipped: counts.skipped,
        n_leaks: counts.leaks,
        stopped_early,
        images_per_second: (n_computed > 0).then(|| n_computed as f64 / clock.seconds("features").max(1e-9)),
        seconds: clock.seconds,
        freezing: None,
        tuned_images_per_second: None,
        kept_epoch,
        fits: Vec::new(),
    }
}

/// How the head was fitted; by class where photos may have several.
pub(super) fn fit_records(fits: &[Option<LogisticFit>], data: &Data) -> Vec<FitRecord> {
    let record = |(class, fit): (usize, &Option<LogisticFit>)| {
        let fit = fit.as_ref()?;
        let score = fit.score()?;
        Some(FitRecord {
            class: data.label_sets.is_some().then(|| data.classes[class].clone()),
            l2: fit.l2,
            n_iterations: fit.n_iterations,
            converged: fit.converged,
            held_out_loss: score.loss,
            held_out_accuracy: score.accuracy,
        })
    };
    fits.iter().enumerate().filter_map(record).collect()
}
