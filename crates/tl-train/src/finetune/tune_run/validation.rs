//! What a model in training is worth.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use tl_features::{ExtractOptions, Features, extract};
use tl_head::cross_entropy;

use super::TuneRun;
use crate::{
    error::TrainError,
    finetune::{
        model::Model,
        worker::{labels_tensor, n_correct},
    },
};

impl TuneRun<'_> {
    /// Features, loss and accuracy of the validation photos, by the way in which predictions are made.
    pub(super) fn validate(&self, model: &Model) -> Result<Option<(Features, f64, f64)>, TrainError> {
        if self.val.is_empty() {
            return Ok(None);
        }
        let photos: Vec<PathBuf> = self.val.iter().map(|sample| sample.path.clone()).collect();
        let extracting = ExtractOptions {
            n_threads: self.options.threads,
            geometry: Some(self.plan.preprocessing().geometry),
            precision: self.plan.precision(),
            decode: self.options.decode(),
            ..ExtractOptions::default()
        };
        let weights = model.backbone.to_weights()?;
        let (features, skipped) = extract(&weights, &photos, &extracting, &mut |_| {}, &AtomicBool::new(false))?;
        if let Some(gone) = skipped.first() {
            return Err(TrainError::PhotoLost { path: gone.path.clone(), reason: gone.reason.to_string() });
        }
        let _guard = tch::no_grad_guard();
        let logits = model.head.forward(&features.to_tensor()?)?;
        let labels = labels_tensor(&self.val.iter().map(|sample| sample.label).collect::<Vec<_>>())?;
        let loss = cross_entropy(&logits, &labels, &self.loss)?.f_double_value(&[])?;
        let accuracy = n_correct(&logits, &labels)? as f64 / self.val.len() as f64;
        Ok(Some((features, loss, accuracy)))
    }
}
