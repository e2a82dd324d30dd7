//! What a model in training is worth.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use tl_features::{Features, extract};

use super::TuneRun;
use crate::{error::TrainError, finetune::model::Model, targets::evaluate};

impl TuneRun<'_> {
    /// Features, loss and accuracy of the validation photos, by the way in which predictions are made. An error where
    /// `stop` was set.
    pub(super) fn validate(
        &self,
        model: &Model,
        stop: &AtomicBool,
    ) -> Result<Option<(Features, f64, f64)>, TrainError> {
        if self.val.is_empty() {
            return Ok(None);
        }
        let photos: Vec<PathBuf> = self.val.iter().map(|sample| sample.path.clone()).collect();
        let weights = model.backbone.to_weights()?;
        let (features, skipped) = extract(&weights, &photos, &self.plan.extracting(), &mut |_| {}, stop)?;
        if let Some(gone) = skipped.first() {
            return Err(TrainError::PhotoLost { path: gone.path.clone(), reason: gone.reason.to_string() });
        }
        let labels: Vec<usize> = self.val.iter().map(|sample| sample.label).collect();
        let targets = self.answers.targets(&labels);
        let logits = model.head.to_head()?.logits_on(self.plan.n_threads(), &features.rows)?;
        let (loss, accuracy) = evaluate(&logits, self.answers.n_classes, &targets, &self.loss)?;
        Ok(Some((features, loss, accuracy)))
    }
}
