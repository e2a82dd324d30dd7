//! Why a run ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a run ended before its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// So many epochs in a row were no better than the best.
    Patience(usize),
    /// So many seconds were given, and no further step or epoch would end in time.
    Time(f64),
    /// The validation accuracy reached this fraction.
    TargetAccuracy(f64),
    /// The loss left the numbers in this epoch; the best before it is kept.
    Diverged(usize),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Patience(1) => write!(f, "the last epoch was no better than the best"),
            Self::Patience(n) => write!(f, "the last {n} epochs were no better than the best"),
            Self::Time(seconds) => write!(f, "the {seconds} s it was given leave no time for more"),
            Self::Diverged(epoch) => {
                write!(f, "the loss was no number any more in epoch {epoch}: the learning rates are too large")
            }
            Self::TargetAccuracy(accuracy) => write!(f, "the validation accuracy reached {:.1} %", accuracy * 100.0),
        }
    }
}
