//! How long training still takes.

use std::collections::VecDeque;

/// Steps that the estimate looks back on: an epoch's validation is spread over them, and a stage that is unfrozen soon
/// tells.
const N_RECENT: usize = 64;

/// Estimates the rest of a run from its last steps.
#[derive(Debug, Default)]
pub(crate) struct Eta {
    /// Seconds since any moment, and the steps done then.
    recent: VecDeque<(f64, usize)>,
    n_steps: usize,
}

impl Eta {
    /// Hears at `now` that `step` of `n_steps` is done; seconds that the rest takes, once two steps have shown.
    ///
    /// Where the number of steps changes another phase has begun, whose steps take another time.
    pub(crate) fn after_step(&mut self, now: f64, step: usize, n_steps: usize) -> Option<f64> {
        if self.n_steps != n_steps {
            *self = Self { recent: VecDeque::new(), n_steps };
        }
        self.recent.push_back((now, step));
        if self.recent.len() > N_RECENT {
            self.recent.pop_front();
        }
        let (then, first) = *self.recent.front()?;
        let seconds_per_step = (now - then) / step.checked_sub(first).filter(|n| *n > 0)? as f64;
        Some(seconds_per_step * n_steps.saturating_sub(step) as f64)
    }
}

/// `8 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn in_words(seconds: f64) -> String {
    match seconds.ceil() as u64 {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min {} s", s / 60, s % 60),
        s => format!("{} h {} min", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_takes_as_long_as_the_last_steps_did() {
        let mut eta = Eta::default();
        assert_eq!(eta.after_step(0.0, 1, 10), None);
        assert_eq!(eta.after_step(2.0, 2, 10), Some(16.0));
        assert_eq!(eta.after_step(6.0, 3, 10), Some(21.0));
        assert_eq!(eta.after_step(7.0, 4, 100), None, "a phase of its own");
        assert_eq!(eta.after_step(8.0, 5, 100), Some(95.0));
        for step in 6..=100 {
            let left = eta.after_step(8.0 + 3.0 * (step - 5) as f64, step, 100);
            assert!(step < 80 || left == Some(3.0 * (100 - step) as f64), "{step}: {left:?}");
        }
    }

    #[test]
    fn times_are_in_words() {
        let words = [0.2, 59.0, 59.5, 125.0, 7800.0].map(in_words);
        assert_eq!(words, ["1 s", "59 s", "1 min 0 s", "2 min 5 s", "2 h 10 min"]);
    }
}
