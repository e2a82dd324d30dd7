//! How fast a run goes, and how many steps fit into a time.

/// Least part that a step has in what the next one is expected to take: at first it is the mean of all but the first,
/// which warms caches up, later that of the last ten or so.
const SHARE_OF_LAST: f64 = 0.1;

/// Seconds that a step and the end of an epoch take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pace {
    photos_per_step: usize,
    n_train: usize,
    n_val: usize,
    /// Of one step; at first no more than a guess.
    step: f64,
    /// Of the end of an epoch, once that is known.
    epoch_end: Option<f64>,
    n_steps: usize,
}

impl Pace {
    /// Of epochs of `n_train` photos, each with a look at `n_val` at its end.
    pub(crate) fn new(photos_per_step: usize, n_train: usize, n_val: usize) -> Self {
        Self { photos_per_step, n_train, n_val, ..Self::default() }
    }

    /// With a first guess from the seconds that one photo takes forwards: no step on photos takes less, and the look at
    /// the validation photos takes as much.
    pub(crate) fn expecting(self, photo: f64) -> Self {
        Self { step: photo * self.photos_per_step as f64, epoch_end: Some(photo * self.n_val as f64), ..self }
    }

    /// Hears what a step took.
    pub(crate) fn after_step(&mut self, seconds: f64) {
        self.step = match self.n_steps {
            0 => seconds,
            n => self.step + SHARE_OF_LAST.max(1.0 / n as f64) * (seconds - self.step),
        };
        self.n_steps += 1;
    }

    /// Forgets how many steps were measured; what one took is the first guess of what comes.
    pub(crate) fn begin_again(&mut self) {
        self.n_steps = 0;
    }

    /// Hears what the end of an epoch took.
    pub(crate) fn after_epoch(&mut self, seconds: f64) {
        self.epoch_end = Some(seconds);
    }

    /// Whether enough steps were taken to say how many fit into a time.
    pub(super) fn is_known(&self) -> bool {
        self.n_steps > 1
    }

    /// Seconds that it takes to go one step further, and to end the epoch there.
    pub(super) fn one_more(&self) -> f64 {
        self.step + self.epoch_end()
    }

    /// Of the `wanted` steps of a run those that are done when `seconds` more are over, the ends of their epochs
    /// included; `done` of them are by now.
    pub(super) fn n_fitting(&self, seconds: f64, done: usize, wanted: usize) -> usize {
        let (step, end) = (self.step.max(1e-9), self.epoch_end());
        let in_epoch = self.n_train.div_ceil(self.photos_per_step.max(1)).max(1);
        // As many of `n` steps as end in time, with the end of their epoch.
        let of = |n: usize, seconds: f64| (((seconds - end).max(0.0) / step) as usize).min(n);
        let left = in_epoch - done % in_epoch;
        let first = of(left, seconds);
        if first < left {
            return (done + first).min(wanted.max(done));
        }
        let (seconds, epoch) = (seconds - left as f64 * step - end, in_epoch as f64 * step + end);
        let n_epochs = (seconds / epoch) as usize;
        let begun = of(in_epoch, seconds - n_epochs as f64 * epoch);
        let fitting = n_epochs.saturating_mul(in_epoch).saturating_add(begun);
        fitting.saturating_add(done + left).min(wanted.max(done))
    }

    /// What was measured, else what a look at the validation photos costs: a photo forwards is about a third of one
    /// forwards and backwards. A first step, which warms caches up, says nothing of it.
    fn epoch_end(&self) -> f64 {
        if self.epoch_end.is_none() && self.n_steps == 1 {
            return 0.0;
        }
        let photo = self.step / self.photos_per_step.max(1) as f64;
        self.epoch_end.unwrap_or(photo * self.n_val as f64 / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(mut pace: Pace, steps: &[f64]) -> Pace {
        for seconds in steps {
            pace.after_step(*seconds);
        }
        pace
    }

    /// Milliseconds that it takes to go one step further.
    fn one_more(pace: &Pace) -> u64 {
        (pace.one_more() * 1000.0).round() as u64
    }

    /// Epochs of five steps of a second each, which end after three more.
    fn pace() -> Pace {
        after(Pace::new(2, 10, 18), &[9.0, 1.0, 1.0])
    }

    #[test]
    fn every_epoch_that_is_begun_is_ended() {
        let fitting = |seconds, done| pace().n_fitting(seconds, done, 15);
        assert_eq!([2.9, 3.0, 4.0, 7.9, 8.0, 11.9, 12.0, 99.0].map(|s| fitting(s, 0)), [0, 0, 1, 4, 5, 5, 6, 15]);
        // Three steps into the first epoch.
        assert_eq!([2.0, 4.0, 5.0, 8.0, 9.0].map(|s| fitting(s, 3)), [3, 4, 5, 5, 6]);
    }

    #[test]
    fn what_the_end_of_an_epoch_took_counts_once_it_is_known() {
        let mut pace = pace();
        assert_eq!(one_more(&pace), 4000);
        pace.after_epoch(6.0);
        assert_eq!((one_more(&pace), pace.n_fitting(8.0, 0, 15)), (7000, 2));
    }

    #[test]
    fn before_the_first_step_there_is_a_guess() {
        let mut pace = Pace::new(2, 10, 18).expecting(0.5);
        assert_eq!(one_more(&pace), 1000 + 9000);
        pace.after_step(4.0);
        assert_eq!((one_more(&pace), pace.is_known()), (4000 + 9000, false));
        assert_eq!(one_more(&after(Pace::new(2, 10, 18), &[4.0])), 4000);
    }

    #[test]
    fn the_first_step_says_little_and_later_ones_say_more() {
        let pace = after(Pace::new(2, 10, 0), &[9.0, 1.0]);
        assert_eq!(one_more(&pace), 1000);
        assert_eq!(one_more(&after(pace.clone(), &[3.0])), 2000);
        assert_eq!(one_more(&after(pace, &[2.0; 90])), 2000);
    }
}
