//! What follows the last step of an epoch.

use tl_head::Head;
use tl_metrics::EpochRecord;

use super::{Best, HeadRun};
use crate::{error::TrainError, options::Keep, stopping::is_better, table::Table, targets::evaluate};

impl HeadRun<'_> {
    pub(super) fn finish_epoch(&mut self, train: &Table, val: Option<&Table>) -> Result<EpochRecord, TrainError> {
        let averaged = self.averaged()?;
        let val = val.map(|val| self.validate(val, averaged.as_ref())).transpose()?;
        if let Some((loss, _)) = val.filter(|(loss, _)| !loss.is_finite()) {
            return Err(self.diverged(loss));
        }
        let n = self.n_seen(train.len()) as f64;
        let record = EpochRecord {
            epoch: self.progress.epoch + 1,
            train_loss: self.progress.loss_sum / n,
            train_accuracy: self.progress.n_correct as f64 / n,
            val_loss: val.map(|(loss, _)| loss),
            val_accuracy: val.map(|(_, accuracy)| accuracy),
            learning_rate: self.progress.learning_rate,
            seconds: self.progress.seconds,
        };
        if let Some((loss, accuracy)) = val {
            self.stopping.after_epoch(loss, accuracy);
            self.progress.plateau.after_epoch(loss, self.options);
            let best = self.best.as_ref().map(|best| (best.accuracy, best.loss));
            if self.options.keep == Keep::Best && best.is_none_or(|best| is_better((accuracy, loss), best)) {
                let head = averaged.map_or_else(|| self.descent.head(), Ok)?;
                self.best = Some(Best { accuracy, loss, head });
            }
        }
        self.progress.next_epoch();
        Ok(record)
    }

    pub(super) fn diverged(&self, loss: f64) -> TrainError {
        let rates = format!("{:e}", self.options.lr);
        TrainError::Diverged { loss, epoch: self.progress.epoch + 1, rates }
    }

    /// Loss and accuracy of the head, or of its average where there is one.
    fn validate(&mut self, val: &Table, averaged: Option<&Head>) -> Result<(f64, f64), TrainError> {
        match averaged {
            Some(head) => val.evaluate(head, &self.loss, self.descent.n_threads()),
            None => evaluate(
                &self.descent.logits(&val.features)?,
                self.descent.config().n_classes,
                &val.targets,
                &self.loss,
            ),
        }
    }

    /// The head of the averaged weights, where they are asked for.
    pub(super) fn averaged(&self) -> Result<Option<Head>, TrainError> {
        self.average.as_ref().map(|average| average.head(self.descent.config())).transpose()
    }
}
