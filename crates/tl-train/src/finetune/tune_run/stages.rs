//! Which layers move in which epoch.

use std::sync::Arc;

use tl_backbone::{BatchNorm, LayerInfo};

use super::{Kept, OnDevice, TuneRun, Worker};
use crate::{
    error::TrainError,
    optimizer::Optimizer,
    options::{NormKind, TrainOptions},
};

impl TuneRun<'_> {
    /// Lets the layers of this epoch move, and starts the optimizer anew on them.
    pub(super) fn unfreeze(&mut self) -> Result<(), TrainError> {
        let norm = match self.options.batch_norm {
            NormKind::Frozen => BatchNorm::Frozen,
            NormKind::Batch => BatchNorm::Batch,
        };
        let n_workers = self.plan.n_threads();
        let trained = |epoch| trained_in(epoch, &self.layers, &self.trained, self.options);
        let (epoch, now) = (self.history.epoch, trained(self.history.epoch));
        let serves_again = epoch + 1 < self.options.epochs && trained(epoch + 1) == now;
        let Self { model, layers, .. } = self;
        model.backbone.train_layers(&now, norm)?;
        self.rates = model.rates(layers, self.options.backbone_lr / self.options.lr, self.options.stage_decay);
        self.optimizer = Optimizer::new(self.options.optimizer_config(), model.parameters())?;
        if let Some(device) = self.plan.device() {
            self.on_device = Some(OnDevice::new(self.plan, &model.backbone, device)?);
            return Ok(());
        }
        let first_trained = model.backbone.first_trained();
        let kept = if serves_again { Kept::new(self.plan, layers, first_trained, self.train.len()) } else { None };
        (self.kept, self.kept_is_told) = (kept.map(Arc::new), false);
        let (preprocessing, precision) = (self.plan.preprocessing(), self.plan.tuning_precision());
        let (backbone, kept, micro_batch) = (&model.backbone, self.kept.as_ref(), self.plan.micro_batch());
        self.workers = Worker::team(n_workers, backbone, &preprocessing, precision, micro_batch, kept)?;
        Ok(())
    }
}

/// What moves in an epoch: of what may, the last stage first, and one more every so many epochs.
pub(super) fn trained_in(epoch: usize, layers: &[LayerInfo], trained: &[bool], options: &TrainOptions) -> Vec<bool> {
    let last = layers.last().map_or(0, |layer| layer.stage);
    let first = match options.unfreeze_every {
        0 => 0,
        every => last.saturating_sub(epoch / every),
    };
    layers.iter().zip(trained).map(|(layer, &trained)| trained && layer.stage >= first).collect()
}
