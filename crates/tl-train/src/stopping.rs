//! When a run ends before its last epoch: patience, a time budget, a target.

mod pace;
mod reason;

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(crate) use self::pace::Pace;
pub use self::reason::StopReason;
use crate::options::TrainOptions;

/// Part of the budget kept for writing the model and proving it, and the most that these need.
const RESERVE_SHARE: f64 = 0.25;
const RESERVE: Duration = Duration::from_secs(2);

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
    /// Accuracy of what the run begins with, where that has learnt already.
    at_first: Option<f64>,
    pace: Pace,
    state: StopState,
}

impl Stopping {
    /// `started` is when the run began, its reading of photos included.
    pub(crate) fn new(options: &TrainOptions, started: Instant, min_steps: usize, pace: Pace) -> Self {
        Self {
            patience: options.patience,
            budget: options.time_s,
            target_accuracy: options.target_accuracy,
            min_steps,
            started,
            at_first: None,
            pace,
            state: StopState::default(),
        }
    }

    /// Hears what the run begins with is worth on the validation photos: it may be enough.
    pub(crate) fn begins_with(&mut self, accuracy: f64) {
        self.at_first = Some(accuracy);
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

    /// Hears that `done` of `wanted` steps of the run are done, the last of them in `seconds`, and after enough of them
    /// knows how many fit.
    pub(crate) fn after_step(&mut self, seconds: f64, done: usize, wanted: usize) {
        self.pace.after_step(seconds);
        let (Some(usable), None) = (self.usable(), self.state.n_fitting) else { return };
        if self.pace.is_known(usable) {
            let fitting = self.pace.n_fitting(usable - self.spent(), done, wanted);
            self.state.n_fitting = Some(fitting.clamp(self.min_steps.max(done), wanted.max(done)));
        }
    }

    /// Hears what the end of an epoch took, its checkpoint included.
    pub(crate) fn after_end_of_epoch(&mut self, seconds: f64) {
        self.pace.after_epoch(seconds);
    }

    /// Hears how the validation photos fare after an epoch.
    pub(crate) fn after_epoch(&mut self, loss: f64, accuracy: f64) {
        let better = self.state.best.is_none_or(|best| is_better((accuracy, loss), best));
        match better {
            true => (self.state.best, self.state.since_best) = (Some((accuracy, loss)), 0),
            false => self.state.since_best += 1,
        }
    }

    /// Whether the steps must end here, because one more would not be over in time.
    pub(crate) fn out_of_time(&self, done: usize) -> bool {
        let over = |usable: f64| self.spent() + self.pace.one_more() >= usable;
        done >= self.min_steps && self.usable().is_some_and(over)
    }

    /// Why a run that took `done` of `wanted` steps should end before the last of them, if it should.
    pub(crate) fn reason(&self, done: usize, wanted: usize) -> Option<StopReason> {
        if done >= wanted {
            return None;
        }
        let mut accuracies = self.state.best.map(|(best, _)| best).into_iter().chain(self.at_first);
        if let Some(target) = self.target_accuracy.filter(|target| accuracies.any(|accuracy| accuracy >= *target)) {
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

    /// The budget, less what comes after the last epoch.
    fn usable(&self) -> Option<f64> {
        self.budget.map(|budget| budget - RESERVE.as_secs_f64().min(RESERVE_SHARE * budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stopping(options: &TrainOptions) -> Stopping {
        Stopping::new(options, Instant::now(), 1, Pace::new(1, 10, 0))
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
    fn what_a_run_begins_with_may_be_enough() {
        let mut stopping = stopping(&TrainOptions { target_accuracy: Some(0.95), ..TrainOptions::default() });
        stopping.begins_with(0.94);
        assert_eq!(stopping.reason(0, 3), None);
        stopping.begins_with(0.95);
        assert_eq!(stopping.reason(0, 3), Some(StopReason::TargetAccuracy(0.95)));
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
        (1..=40).for_each(|done| stopping.after_step(1e-3, done, 100));
        assert_eq!((stopping.n_steps(100), stopping.out_of_time(100)), (100, false));
    }

    #[test]
    fn a_budget_that_is_spent_leaves_the_least_number_of_steps() {
        let options = TrainOptions { time_s: Some(1e-9), ..TrainOptions::default() };
        let mut stopping = Stopping::new(&options, Instant::now(), 5, Pace::new(1, 10, 0));
        (1..=3).for_each(|done| stopping.after_step(1e-3, done, 100));
        assert_eq!(stopping.n_steps(100), 5);
        assert!(!stopping.out_of_time(4) && stopping.out_of_time(5));
        assert_eq!(stopping.reason(5, 100), Some(StopReason::Time(1e-9)));
    }

    #[test]
    fn a_large_budget_lays_all_steps_out() {
        let mut stopping = stopping(&TrainOptions { time_s: Some(1e9), ..TrainOptions::default() });
        (1..=20).for_each(|done| stopping.after_step(1e-3, done, 100));
        assert_eq!((stopping.n_steps(100), stopping.reason(99, 100)), (100, None));
    }

    #[test]
    fn a_step_that_no_longer_fits_is_not_begun() {
        // Of this budget 998 s are for training, and none of them is over yet.
        let options = TrainOptions { time_s: Some(1000.0), ..TrainOptions::default() };
        for (step, is_over) in [(900.0, false), (990.0, true), (1001.0, true)] {
            let mut stopping = Stopping::new(&options, Instant::now(), 1, Pace::new(1, 10, 0));
            stopping.after_step(step, 1, 100);
            stopping.after_end_of_epoch(50.0);
            assert_eq!(stopping.out_of_time(1), is_over, "{step} s");
            assert_eq!(stopping.reason(1, 100), is_over.then_some(StopReason::Time(1000.0)), "{step} s");
        }
    }
}
