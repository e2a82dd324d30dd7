//! When a run ends before its last epoch: patience, a time budget, a target.

mod pace;
mod reason;
#[cfg(test)]
mod tests;

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
    /// Accuracy and loss of the best epoch so far, or of what the run begins with.
    best: Option<(f64, f64)>,
    /// Epochs since then.
    since_best: usize,
    /// Seconds spent before this process.
    spent: f64,
    /// Steps of the whole run that fit into the budget, once that is known.
    n_fitting: Option<usize>,
    /// Whether an epoch was broken off because the time was over, which is the end of the run.
    is_cut: bool,
}

/// Watches a run and says when it has had enough.
pub(crate) struct Stopping {
    patience: usize,
    budget: Option<f64>,
    target_accuracy: Option<f64>,
    /// Steps that a run takes whatever the clock says: a head that never saw all photos helps nobody.
    min_steps: usize,
    started: Instant,
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
            pace,
            state: StopState::default(),
        }
    }

    /// Hears what the run begins with is worth on the validation photos, where that has learnt already: it may be enough,
    /// and the best to the end.
    pub(crate) fn begins_with(&mut self, loss: f64, accuracy: f64) {
        self.state.best = Some((accuracy, loss));
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

    /// Hears that `done` of `wanted` steps of the run are done, the last of them in `seconds`, and says anew how many fit:
    /// the schedule ends when the time does, and does so evenly.
    pub(crate) fn after_step(&mut self, seconds: f64, done: usize, wanted: usize) {
        self.pace.after_step(seconds);
        let Some(usable) = self.usable().filter(|_| self.pace.is_known()) else { return };
        let fitting = self.pace.n_fitting(usable - self.spent(), done, wanted);
        self.state.n_fitting = Some(fitting.max(self.min_steps));
    }

    /// Hears that steps take another time from now on, as where more layers move.
    pub(crate) fn changes_pace(&mut self) {
        self.pace.begin_again();
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

    /// Whether the steps must end here, `done` of `wanted` steps of the run, for want of time. No further epoch is begun
    /// then: what was laid out ends here, whatever a later look at the clock says.
    pub(crate) fn cuts(&mut self, done: usize, wanted: usize) -> bool {
        self.state.is_cut = done < wanted && (self.out_of_time(done) || done >= self.n_steps(wanted));
        self.state.is_cut
    }

    /// Whether one more step would not be over in time.
    fn out_of_time(&self, done: usize) -> bool {
        let over = |usable: f64| self.spent() + self.pace.one_more() >= usable;
        done >= self.min_steps && self.usable().is_some_and(over)
    }

    /// Why a run that took `done` of `wanted` steps should end before the last of them, if it should.
    pub(crate) fn reason(&self, done: usize, wanted: usize) -> Option<StopReason> {
        if self.state.is_cut {
            return self.budget.map(StopReason::Time);
        }
        if done >= wanted {
            return None;
        }
        let best = self.state.best.map(|(accuracy, _)| accuracy);
        if let Some(target) = self.target_accuracy.filter(|target| best.is_some_and(|best| best >= *target)) {
            return Some(StopReason::TargetAccuracy(target));
        }
        if self.patience > 0 && self.state.since_best >= self.patience {
            return Some(StopReason::Patience(self.patience));
        }
        self.budget.filter(|_| self.out_of_time(done)).map(StopReason::Time)
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
