//! The learning rate is cut where the validation loss no longer sinks.

use serde::{Deserialize, Serialize};

use crate::options::{Schedule, TrainOptions};

/// Part of the best loss by which an epoch must be lower to be better.
const THRESHOLD: f64 = 1e-4;

/// What PyTorch's `ReduceLROnPlateau` remembers; it goes into checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plateau {
    best: Option<f64>,
    /// Epochs since then, or since the last cut.
    n_bad: usize,
    n_cuts: i32,
}

impl Plateau {
    /// Hears the validation loss of an epoch. Other schedules do not listen.
    pub(crate) fn after_epoch(&mut self, loss: f64, options: &TrainOptions) {
        if options.schedule != Schedule::Plateau {
            return;
        }
        match loss < self.best.unwrap_or(f64::INFINITY) * (1.0 - THRESHOLD) {
            true => (self.best, self.n_bad) = (Some(loss), 0),
            false => self.n_bad += 1,
        }
        if self.n_bad > options.plateau_patience {
            (self.n_bad, self.n_cuts) = (0, self.n_cuts + 1);
        }
    }

    /// What the learning rate is multiplied by.
    pub(crate) fn scale(&self, options: &TrainOptions) -> f64 {
        options.plateau_factor.powi(self.n_cuts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The learning rates of `tests/schedule.py`, which are PyTorch's.
    #[test]
    fn cuts_where_pytorch_cuts() {
        let options = TrainOptions {
            schedule: Schedule::Plateau,
            plateau_factor: 0.5,
            plateau_patience: 1,
            ..TrainOptions::default()
        };
        let losses = [1.0, 0.8, 0.8, 0.79999, 0.7, 0.71, 0.72, 0.73, 0.74, 0.69, 0.75, 0.76];
        let mut plateau = Plateau::default();
        let rates = losses.map(|loss| {
            let rate = 0.1 * plateau.scale(&options);
            // Saved and taken up again after each epoch, which must change nothing.
            plateau = serde_json::from_str(&serde_json::to_string(&plateau).unwrap()).unwrap();
            plateau.after_epoch(loss, &options);
            rate
        });
        let expected = [0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025, 0.0125, 0.0125, 0.0125];
        for (epoch, (found, expected)) in rates.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-15, "epoch {epoch}: {found} is not {expected}");
        }
    }
}
