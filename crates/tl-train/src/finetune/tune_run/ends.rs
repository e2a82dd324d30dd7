//! The ends of an epoch, and of a run.

use std::{sync::atomic::AtomicBool, time::Instant};

use tl_features::FeatureError;
use tl_metrics::EpochRecord;

use super::{TuneRun, TunedModel};
use crate::{
    checkpoint::Checkpoints,
    error::TrainError,
    event::{Event, Observer},
    finetune::checkpoint::TuneCheckpoint,
    head_run::best_epoch,
    options::Keep,
    stopping::StopReason,
};

impl TuneRun<'_> {
    /// What is left of an epoch, with its end; false if `stop` was set.
    pub(super) fn epoch(
        &mut self,
        checkpoints: &Checkpoints,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        if !self.epoch_steps(checkpoints, observer, stop)? {
            return Ok(false);
        }
        let ending = Instant::now();
        let is_best = match self.finish_epoch(observer, stop) {
            // All steps are done, and the run goes on with what comes after them.
            Err(TrainError::Features(FeatureError::Stopped { .. })) => return Ok(false),
            is_best => is_best?,
        };
        self.save(checkpoints, is_best, observer)?;
        self.stopping.after_end_of_epoch(ending.elapsed().as_secs_f64());
        Ok(true)
    }

    /// The best epoch so far, where that is the one to keep.
    pub(super) fn best_to_keep(&self) -> Option<usize> {
        self.history.best.filter(|_| self.options.keep == Keep::Best).map(|(epoch, ..)| epoch)
    }

    /// Where the file of the best epoch is gone or damaged, the best of those to come is kept.
    pub(super) fn check_best(&mut self, checkpoints: &Checkpoints, observer: &mut dyn Observer) {
        let Some(epoch) = self.best_to_keep() else { return };
        if let Err(error) = TuneCheckpoint::open(&checkpoints.best_path(epoch), checkpoints) {
            let problem = format!("the best epoch so far is lost, and the best of those to come is kept: {error}");
            observer.event(&Event::Warning(&problem));
            self.history.best = None;
        }
    }

    /// The place of an epoch of fine-tuning in the whole history; 0 is the head's, which may itself be a chosen one.
    fn in_history(&self, epoch: usize) -> usize {
        let n_of_head = self.history.records.len() - self.history.epoch;
        let of_head = best_epoch(&self.history.records[..n_of_head]).filter(|_| epoch == 0);
        of_head.unwrap_or(n_of_head + epoch)
    }

    /// Validates, writes the epoch down, and goes on to the next; whether it was the best so far.
    fn finish_epoch(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<bool, TrainError> {
        let averaged = self.averaged()?;
        let (features, val) = self
            .validate(averaged.as_ref().unwrap_or(&self.model), stop)?
            .map(|(features, loss, accuracy)| (features, (loss, accuracy)))
            .unzip();
        if let Some((loss, _)) = val.filter(|(loss, _)| !loss.is_finite()) {
            return Err(self.diverged(loss));
        }
        let n = self.n_seen() as f64;
        let record = EpochRecord {
            epoch: self.history.records.len() + 1,
            train_loss: self.history.loss_sum / n,
            train_accuracy: self.history.n_correct as f64 / n,
            val_loss: val.map(|(loss, _)| loss),
            val_accuracy: val.map(|(_, accuracy)| accuracy),
            learning_rate: self.history.learning_rate,
            seconds: self.history.seconds,
        };
        let n_epochs = record.epoch + self.n_laid_out().div_ceil(self.n_steps()) - self.history.epoch - 1;
        observer.event(&Event::Epoch { record: &record, n_epochs, step: self.n_done(), n_photos: self.n_seen() });
        self.history.records.push(record);
        if let Some((loss, accuracy)) = val {
            self.history.plateau.after_epoch(loss, self.options);
            self.stopping.after_epoch(loss, accuracy);
        }
        let is_best = val.is_some_and(|(loss, accuracy)| self.history.is_best(loss, accuracy));
        if is_best || self.options.keep == Keep::Last {
            self.val_features = features.map(|features| (self.history.epoch + 1, features));
        }
        self.next_epoch()?;
        Ok(is_best)
    }

    fn next_epoch(&mut self) -> Result<(), TrainError> {
        let changes = self.trained_in(self.history.epoch) != self.trained_in(self.history.epoch + 1);
        self.history.next_epoch();
        if changes {
            self.stopping.changes_pace();
            return self.unfreeze();
        }
        Ok(())
    }

    /// The last epoch's model, or the best's where that was asked for.
    pub(super) fn finish(
        mut self,
        checkpoints: &Checkpoints,
        stopped_early: Option<StopReason>,
    ) -> Result<TunedModel, TrainError> {
        let mut kept_epoch = None;
        if let Some(epoch) = self.best_to_keep() {
            let best = TuneCheckpoint::open(&checkpoints.best_path(epoch), checkpoints)?;
            self.model = self.model_of(best.backbone, best.head)?;
            self.load_ema(best.ema)?;
            kept_epoch = Some(self.in_history(epoch));
        }
        let n_begun = self.history.epoch + usize::from(self.history.step > 0);
        let moved = match n_begun.checked_sub(1) {
            Some(last) => self.trained_in(last),
            None => vec![false; self.layers.len()],
        };
        let (averaged, seen) = (self.averaged()?, self.val_features.take());
        let model = averaged.as_ref().unwrap_or(&self.model);
        let epoch = self.best_to_keep().unwrap_or(self.history.epoch);
        let val = match seen.filter(|(of, _)| *of == epoch) {
            Some((_, features)) => Some(features),
            // A resumed run has not seen what it keeps.
            None => self.validate(model, &AtomicBool::new(false))?.map(|(features, ..)| features),
        };
        Ok(TunedModel {
            weights: model.backbone.to_weights()?,
            proof: self.frozen.prove(&model.backbone, &moved)?,
            head: model.head.to_head()?,
            images_per_second: (self.history.n_photos > 0)
                .then(|| self.history.n_photos as f64 / self.history.total_seconds.max(1e-9)),
            history: self.history.records,
            val,
            stopped_early,
            kept_epoch,
        })
    }
}
