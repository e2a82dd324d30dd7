//! When a run ends before its last epoch: patience, a time budget, a target.

mod reason;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub use self::reason::StopReason;
use crate::options::TrainOptions;

/// Steps whose time says how many fit into the budget. The first one is left out: it warms caches up.
const N_PROBE_STEPS: usize = 10;

/// Most of the budget that the probe may take before it must be enough.
const PROBE_SHARE: f64 = 0.1;

/// Part of the budget kept for measuring and saving, and the most that these need.
const RESERVE_SHARE: f64 = 0.1;
const RESERVE: Duration = Duration::from_secs(2);

/// What an epoch's evaluation costs, as a fraction of its steps: a photo forwards is about a third of one forwards and
/// backwards.
pub(crate) fn evaluation_share(n_train: usize, n_val: usize) -> f64 {
    n_val as f64 / n_train as f64 / 3.0
}

/// Whether an epoch of this accuracy and loss is better than another: the lower loss decides ties.
pub(crate) fn is_better((accuracy, loss): (f64, f64), (best, best_loss): (f64, f64)) -> bool {
    (accuracy, -loss) > (best, -best_loss)
}

/// What must be remembered over an interruption to stop at the same place.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StopState {
    /// Accuracy and loss of the best epoch so far.
    best: Option<(f64, f64)>,
    /// Epochs since then.
    since_best: usize,
    /// Seconds spent before this process.
    spent: f64,
    /// Steps of the whole run that fit into the budget, once that is known.
    n_fitting: Option<usize>,
}

/// Watches a run and says when it has had enough.
pub(crate) struct Stopping {
    patience: usize,
    budget: Option<f64>,
    target_accuracy: Option<f64>,
    /// Steps that a run takes whatever the clock says: a head that never saw all photos helps nobody.
    min_steps: usize,
    started: Instant,
    probe: Probe,
    state: StopState,
}

/// The first steps of this process.
#[derive(Default)]
struct Probe {
    n_steps: usize,
    since_first: Option<Instant>,
}

impl Stopping {
    /// `started` is when the run began, its reading of photos included.
    pub(crate) fn new(options: &TrainOptions, started: Instant, min_steps: usize) -> Self {
        Self {
            patience: options.patience,
            budget: options.time_s,
            target_accuracy: options.target_accuracy,
            min_steps,
            started,
            probe: Probe::default(),
            state: StopState::default(),
        }
    }

    /// Takes an interrupted run's place.
    pub(crate) fn restore(&mut self, state: StopState) {
        self.state = state;
    }

    /// For the checkpoint.
    pub(crate) fn state(&self) -> StopState {
        StopState { spent: self.spent(), ..self.state.clone() }
    }

    /// Steps that the schedule is laid out for: `wanted`, or fewer when only those fit into the time.
    pub(crate) fn n_steps(&self, wanted: usize) -> usize {
        self.state.n_fitting.map_or(wanted, |fitting| fitting.min(wanted))
    }

    /// Hears that `done` of `wanted` steps of the run are done, and after enough of them knows how many fit.
    ///
    /// `overhead` is the [`evaluation_share`].
    pub(crate) fn after_step(&mut self, done: usize, wanted: usize, overhead: f64) {
        let (Some(usable), None) = (self.usable(), self.state.n_fitting) else { return };
        let Some(since) = self.probe.since_first else {
            self.probe.since_first = Some(Instant::now());
            return;
        };
        self.probe.n_steps += 1;
        let probed = since.elapsed().as_secs_f64();
        if self.probe.n_steps < N_PROBE_STEPS && probed < PROBE_SHARE * usable {
            return;
        }
        let step_s = probed / self.probe.n_steps as f64 * (1.0 + overhead);
        let more = ((usable - self.spent()).max(0.0) / step_s.max(1e-9)) as usize;
        self.state.n_fitting = Some(done.saturating_add(more).clamp(self.min_steps.max(done), wanted.max(done)));
    }

    /// Hears how the validation photos fare after an epoch.
    pub(crate) fn after_epoch(&mut self, loss: f64, accuracy: f64) {
        let better = self.state.best.is_none_or(|best| is_better((accuracy, loss), best));
        match better {
            true => (self.state.best, self.state.since_best) = (Some((accuracy, loss)), 0),
            false => self.state.since_best += 1,
        }
    }

    /// Whether the steps must end here, because the steps that were laid out took longer than thought.
    pub(crate) fn out_of_time(&self, done: usize) -> bool {
        done >= self.min_steps && self.usable().is_some_and(|usable| self.spent() >= usable)
    }

    /// Why a run that took `done` of `wanted` steps should end before the last of them, if it should.
    pub(crate) fn reason(&self, done: usize, wanted: usize) -> Option<StopReason> {
        if done >= wanted {
            return None;
        }
        let reached = self.target_accuracy.filter(|target| self.state.best.is_some_and(|(best, _)| best >= *target));
        if let Some(target) = reached {
            return Some(StopReason::TargetAccuracy(target));
        }
        if self.patience > 0 && self.state.since_best >= self.patience {
            return Some(StopReason::Patience(self.patience));
        }
        let is_over = self.out_of_time(done) || done >= self.n_steps(wanted);
        self.budget.filter(|_| is_over).map(StopReason::Time)
    }

    /// Seconds of the whole run so far.
    fn spent(&self) -> f64 {
        self.state.spent + self.started.elapsed().as_secs_f64()
    }

    /// The budget, less what measuring and saving need.
    fn usable(&self) -> Option<f64> {
        self.budget.map(|budget| budget - RESERVE.as_secs_f64().min(RESERVE_SHARE * budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopping(options: &TrainOptions) -> Stopping {
        Stopping::new(options, Instant::now(), 1)
    }

    /// Epochs of the given accuracies until there is a reason to stop.
    fn epochs_until(stopping: &mut Stopping, accuracies: &[f64]) -> (usize, Option<StopReason>) {
        for (epoch, accuracy) in accuracies.iter().enumerate() {
            stopping.after_epoch(1.0, *accuracy);
            if let reason @ Some(_) = stopping.reason(epoch + 1, 100) {
                return (epoch + 1, reason);
            }
        }
        (accuracies.len(), None)
    }

    #[test]
    fn patience_counts_epochs_that_are_no_better() {
        let mut stopping = stopping(&TrainOptions { patience: 2, ..TrainOptions::default() });
        let (epoch, reason) = epochs_until(&mut stopping, &[0.5, 0.4, 0.6, 0.6, 0.6, 0.9]);
        assert_eq!((epoch, reason), (5, Some(StopReason::Patience(2))));
    }

    #[test]
    fn a_lower_loss_at_the_same_accuracy_is_better() {
        let mut stopping = stopping(&TrainOptions { patience: 1, ..TrainOptions::default() });
        stopping.after_epoch(0.5, 0.9);
        stopping.after_epoch(0.4, 0.9);
        assert_eq!(stopping.reason(2, 100), None);
        stopping.after_epoch(0.4, 0.9);
        assert_eq!(stopping.reason(3, 100), Some(StopReason::Patience(1)));
    }

    #[test]
    fn a_target_ends_the_run_unless_it_is_over_anyway() {
        let mut stopping = stopping(&TrainOptions { target_accuracy: Some(0.95), ..TrainOptions::default() });
        assert_eq!(epochs_until(&mut stopping, &[0.5, 0.94, 0.95]), (3, Some(StopReason::TargetAccuracy(0.95))));
        assert_eq!(stopping.reason(3, 3), None);
    }

    #[test]
    fn the_state_survives_an_interruption() {
        let options = TrainOptions { patience: 2, ..TrainOptions::default() };
        let mut first = stopping(&options);
        epochs_until(&mut first, &[0.5, 0.4]);
        let mut second = stopping(&options);
        second.restore(serde_json::from_str(&serde_json::to_string(&first.state()).unwrap()).unwrap());
        assert_eq!(epochs_until(&mut second, &[0.4]), (1, Some(StopReason::Patience(2))));
    }

    #[test]
    fn without_a_budget_every_step_fits() {
        let mut stopping = stopping(&TrainOptions::default());
        (1..=40).for_each(|done| stopping.after_step(done, 100, 0.0));
        assert_eq!((stopping.n_steps(100), stopping.out_of_time(100)), (100, false));
    }

    #[test]
    fn a_budget_that_is_spent_leaves_the_least_number_of_steps() {
        let options = TrainOptions { time_s: Some(1e-9), ..TrainOptions::default() };
        let mut stopping = Stopping::new(&options, Instant::now(), 5);
        (1..=3).for_each(|done| stopping.after_step(done, 100, 0.0));
        assert_eq!(stopping.n_steps(100), 5);
        assert!(!stopping.out_of_time(4) && stopping.out_of_time(5));
        assert_eq!(stopping.reason(5, 100), Some(StopReason::Time(1e-9)));
    }

    #[test]
    fn a_large_budget_lays_all_steps_out() {
        let mut stopping = stopping(&TrainOptions { time_s: Some(1e9), ..TrainOptions::default() });
        (1..=20).for_each(|done| stopping.after_step(done, 100, 0.3));
        assert_eq!((stopping.n_steps(100), stopping.reason(99, 100)), (100, None));
    }
}
