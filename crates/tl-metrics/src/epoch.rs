//! One line of a training history.

use serde::{Deserialize, Serialize};

/// What one epoch brought. Its fields are plain numbers, so that it is a row of CSV as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// Number of the epoch, from 1.
    pub epoch: usize,
    /// Mean loss over the training examples while the weights moved.
    pub train_loss: f64,
    /// Fraction of them classified rightly, 0 to 1.
    pub train_accuracy: f64,
    /// Mean loss over the validation examples after the epoch; none where there are none.
    pub val_loss: Option<f64>,
    /// Fraction of them classified rightly, 0 to 1.
    pub val_accuracy: Option<f64>,
    /// Learning rate of the epoch's last step.
    pub learning_rate: f64,
    /// Wall time of the epoch.
    pub seconds: f64,
}
