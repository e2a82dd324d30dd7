//! How far fine-tuning has come.

use serde::{Deserialize, Serialize};
use tl_metrics::EpochRecord;

use super::loss_scale::LossScale;
use crate::{
    plateau::Plateau,
    stopping::{StopState, is_better},
};

/// Everything of a fine-tuning run but its tensors; it goes into checkpoints.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    /// Epochs of fine-tuning that the turns of the stages were laid out for; a run that goes on may have more or fewer.
    pub(crate) n_staged: usize,
    /// Finished epochs of fine-tuning.
    pub(crate) epoch: usize,
    /// Finished steps of the epoch after them.
    pub(crate) step: usize,
    /// Sum of that epoch's losses, photo by photo.
    pub(crate) loss_sum: f64,
    /// Photos of that epoch that were classified rightly.
    pub(crate) n_correct: usize,
    /// Time spent on that epoch's steps.
    pub(crate) seconds: f64,
    /// The head's rate at the last step.
    pub(crate) learning_rate: f64,
    /// Time spent on the steps of all epochs.
    pub(crate) total_seconds: f64,
    /// Photos trained on in all epochs.
    pub(crate) n_photos: usize,
    /// What the schedule has seen.
    pub(crate) plateau: Plateau,
    /// What overflows have made of the loss, in f16.
    pub(crate) loss_scale: LossScale,
    /// What early stopping has seen.
    pub(crate) stopping: StopState,
    /// The head's epochs, then those of fine-tuning.
    pub(crate) records: Vec<EpochRecord>,
    /// The best epoch so far, from 1, or 0 for what fine-tuning began with, with its accuracy and loss on the
    /// validation photos.
    pub(crate) best: Option<(usize, f64, f64)>,
}

impl History {
    /// Steps over to the next epoch.
    pub(crate) fn next_epoch(&mut self) {
        (self.epoch, self.step) = (self.epoch + 1, 0);
        (self.loss_sum, self.n_correct, self.seconds) = (0.0, 0, 0.0);
    }

    /// Takes down an epoch's validation; whether it is the best so far, the lower loss deciding ties.
    pub(crate) fn is_best(&mut self, loss: f64, accuracy: f64) -> bool {
        let better = self.best.is_none_or(|(_, best, best_loss)| is_better((accuracy, loss), (best, best_loss)));
        if better {
            self.best = Some((self.epoch + 1, accuracy, loss));
        }
        better
    }
}
