//! Which layers move in which epoch.

use std::sync::Arc;

use tl_backbone::{BatchNorm, LayerInfo};

use super::{Kept, OnDevice, TuneRun, Worker};
use crate::{
    error::TrainError,
    event::{Event, Observer},
    optimizer::Optimizer,
    options::NormKind,
};

impl TuneRun<'_> {
    /// Lets the layers of this epoch move, and starts the optimizer anew on them.
    pub(super) fn unfreeze(&mut self) -> Result<(), TrainError> {
        let norm = match self.options.batch_norm {
            NormKind::Frozen => BatchNorm::Frozen,
            NormKind::Batch => BatchNorm::Batch,
        };
        let n_workers = self.plan.n_threads();
        let (epoch, now) = (self.history.epoch, self.trained_in(self.history.epoch));
        let serves_again = epoch + 1 < self.options.epochs && self.trained_in(epoch + 1) == now;
        let Self { model, layers, .. } = self;
        model.backbone.train_layers(&now, norm)?;
        self.rates = model.rates(layers, self.options.backbone_lr / self.options.lr, self.options.stage_decay);
        let (config, parameters) = (self.options.optimizer_config(), model.parameters());
        self.optimizer = self.pool.install(move || Optimizer::new(config, parameters))?;
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

    /// Says so where layers that were to be trained had no turn: an end before the last epoch comes before theirs.
    pub(super) fn warn_of_waiting(&self, observer: &mut dyn Observer) {
        let moved = self.trained_in(self.history.epoch.saturating_sub(1));
        let n_waiting = self.trained.iter().zip(moved).filter(|(trained, moved)| **trained && !moved).count();
        if n_waiting > 0 && self.history.epoch > 0 {
            let remedy = "`--set unfreeze_every=0` lets all move from the first epoch on";
            observer.event(&Event::Warning(&format!("{n_waiting} layers were still to be unfrozen; {remedy}")));
        }
    }

    /// What moves in an epoch.
    pub(super) fn trained_in(&self, epoch: usize) -> Vec<bool> {
        let every = self.options.unfreeze_every;
        trained_in(epoch, &self.layers, &self.trained, every, self.history.n_staged)
    }
}

/// What moves in an epoch: of what may, the last stage first, and one more every so many epochs, or as many as it takes
/// for the first of them to have its turn before the end.
fn trained_in(
    epoch: usize,
    layers: &[LayerInfo],
    trained: &[bool],
    unfreeze_every: usize,
    n_epochs: usize,
) -> Vec<bool> {
    let stages = || layers.iter().zip(trained).filter(|(_, trained)| **trained).map(|(layer, _)| layer.stage);
    let last = layers.last().map_or(0, |layer| layer.stage);
    let first = match unfreeze_every {
        0 => 0,
        every => {
            let (round, n_rounds) = (epoch / every + 1, n_epochs.div_ceil(every));
            let n_stages = last + 1 - stages().min().unwrap_or(last);
            (last + 1).saturating_sub(round.max((n_stages * round).div_ceil(n_rounds)))
        }
    };
    layers.iter().zip(trained).map(|(layer, &trained)| trained && layer.stage >= first).collect()
}

#[cfg(test)]
mod tests {
    use tl_backbone::{layers, spec};

    use super::*;

    /// The first stage that moves in each epoch.
    fn first_stages(epochs: usize, unfreeze_every: usize, first: usize) -> Vec<usize> {
        let layers = layers(spec("mobilenet_v2").unwrap());
        let trained: Vec<bool> = layers.iter().map(|layer| layer.stage >= first).collect();
        let first_of = |epoch| {
            let now = trained_in(epoch, &layers, &trained, unfreeze_every, epochs);
            layers.iter().zip(now).filter(|(_, now)| *now).map(|(layer, _)| layer.stage).min().unwrap()
        };
        (0..epochs).map(first_of).collect()
    }

    #[test]
    fn every_stage_has_its_turn() {
        let last = layers(spec("mobilenet_v2").unwrap()).last().unwrap().stage;
        for (epochs, every, first) in [(1, 1, 0), (2, 1, 2), (4, 1, 0), (4, 1, 2), (5, 2, 1), (30, 3, 0)] {
            let stages = first_stages(epochs, every, first);
            assert_eq!(*stages.last().unwrap(), first, "{epochs} epochs, every {every}");
            assert!(stages.is_sorted_by(|a, b| a >= b));
        }
        let one_by_one: Vec<usize> = (0..8).map(|epoch| last.saturating_sub(epoch).max(2)).collect();
        assert_eq!(first_stages(8, 1, 2), one_by_one);
        assert_eq!(first_stages(3, 0, 1), [1; 3]);
    }
}
