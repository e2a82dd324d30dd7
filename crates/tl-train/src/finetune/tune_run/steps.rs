//! The steps of an epoch.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use tch::Tensor;
use tl_backbone::Precision;
use tl_data::Sample;
use tl_events::Step;

use super::TuneRun;
use crate::{
    checkpoint::Checkpoints,
    error::TrainError,
    event::{Event, Observer},
    finetune::{
        gradients::{Gradients, gradients},
        photos::StepPhotos,
        source::{Source, StepBatch},
        whole_batch::{Crew, whole_batches},
    },
    gradients::global_norm,
    mix::Mix,
    options::{NormKind, TrainOptions},
    order::order,
};

impl TuneRun<'_> {
    /// The steps of the current epoch that are still to do, and fit into the time; false if `stop` was set.
    pub(super) fn epoch_steps(
        &mut self,
        checkpoints: &Checkpoints,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let mut batches = self.batches(observer);
        while self.history.step < self.n_steps() {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let started = Instant::now();
            let Some(batch) = batches.next() else { return Err(TrainError::WorkerLost) };
            let learning_rate = self.learning_rate(self.history.step);
            let loss = self.step(&batch, learning_rate)?;
            self.history.learning_rate = learning_rate;
            self.history.step += 1;
            let seconds = started.elapsed().as_secs_f64();
            self.history.seconds += seconds;
            self.history.total_seconds += seconds;
            observer.event(&Event::Step(Step {
                epoch: self.history.records.len() + 1,
                step: self.n_done(),
                n_steps: self.n_head_steps() + self.n_laid_out(),
                loss,
                learning_rate,
                photos_per_second: batch.len() as f64 / seconds.max(1e-9),
            }));
            let every = self.options.checkpoint_steps;
            if every > 0 && self.history.step.is_multiple_of(every) && self.history.step < self.n_steps() {
                self.save(checkpoints, false, observer)?;
            }
            let done = self.n_tuned();
            self.stopping.after_step(started.elapsed().as_secs_f64(), done, self.n_wanted());
            if self.stopping.cuts(done, self.n_wanted()) {
                break;
            }
        }
        Ok(true)
    }

    /// The batches of the current epoch that are still to do.
    pub(super) fn batches(&mut self, observer: &mut dyn Observer) -> Source {
        let (samples, order) = self.drawn();
        let todo = &order[(self.history.step * self.options.photos_per_step()).min(order.len())..];
        match self.kept.as_ref().filter(|kept| kept.is_whole()) {
            Some(kept) => {
                if !std::mem::replace(&mut self.kept_is_told, true) {
                    let (n_photos, n_bytes) = (self.train.len(), kept.n_bytes());
                    observer.event(&Event::FrozenKept { n_photos, n_bytes });
                }
                Source::kept(samples, todo, self.options.photos_per_step())
            }
            None => Source::Files(self.loader.pass(samples, todo, self.history.epoch as u64)),
        }
    }

    /// The photos of the current epoch as places in a list, in which a photo stands as often as it comes up: each
    /// place has a draw of its own in augmentation.
    fn drawn(&self) -> (Arc<[Sample]>, Vec<usize>) {
        let labels: Vec<usize> = self.train.iter().map(|sample| sample.label).collect();
        let order = order(self.options.sampler, &labels, self.options.seed, self.history.epoch);
        match order.iter().max().map_or(1, |last| last / self.train.len() + 1) {
            1 => (Arc::clone(&self.train), order),
            n_rounds => (iter::repeat_n(&self.train[..], n_rounds).flatten().cloned().collect(), order),
        }
    }

    /// What is said of a loss that is no number any more.
    pub(super) fn diverged(&self, loss: f64) -> TrainError {
        let TrainOptions { lr, backbone_lr, .. } = self.options;
        let rates = format!("lr = {lr:e} and backbone_lr = {backbone_lr:e}");
        TrainError::Diverged { loss, epoch: self.history.records.len() + 1, rates }
    }

    /// One step of the optimizer at a learning rate of the head; the loss before it.
    pub(super) fn step(&mut self, batch: &StepBatch, lr: f64) -> Result<f64, TrainError> {
        if let Some((path, reason)) = batch.lost() {
            return Err(TrainError::PhotoLost { path, reason });
        }
        let Gradients { by_parameter: mut gradients, loss, n_correct } = self.gradients(batch)?;
        if !loss.is_finite() {
            return Err(self.diverged(loss));
        }
        if self.can_step(&gradients)? {
            self.options.clipping().apply(&mut gradients)?;
            let steps = gradients.into_iter().zip(&self.rates).map(|(gradient, rate)| Some((gradient, lr * rate)));
            let (optimizer, steps) = (&mut self.optimizer, steps.collect::<Vec<_>>());
            // In the pool, whose threads share large parameters: there are as many as the settings say.
            self.pool.install(move || optimizer.step_along(&steps))?;
            if let Some(ema) = &mut self.ema {
                ema.update(self.model.tensors())?;
            }
        }
        self.history.loss_sum += loss * batch.len() as f64;
        self.history.n_correct += n_correct;
        self.history.n_photos += batch.len();
        Ok(loss)
    }

    /// Whether gradients are what they should be: in f16 some may have overflowed, and the next step is to scale less.
    fn can_step(&mut self, gradients: &[Tensor]) -> Result<bool, TrainError> {
        if !self.scales_loss() {
            return Ok(true);
        }
        let is_finite = global_norm(gradients)?.is_finite();
        self.history.loss_scale.after(is_finite);
        Ok(is_finite)
    }

    fn scales_loss(&self) -> bool {
        self.plan.tuning_precision() == Precision::F16
    }

    fn gradients(&mut self, batch: &StepBatch) -> Result<Gradients, TrainError> {
        let mix = Mix::draw(self.options, self.history.epoch, self.history.step);
        let photos = StepPhotos::new(batch, self.answers, self.plan.preprocessing().geometry.side as usize, mix);
        let batches = photos.parts(self.options.batch_size, &self.loss);
        if let Some(on_device) = &self.on_device {
            let scale = if self.scales_loss() { self.history.loss_scale.factor() } else { 1.0 };
            return on_device.gradients(&self.model, &batches, &self.loss, scale);
        }
        if self.options.batch_norm == NormKind::Batch {
            let micro_batch = self.plan.micro_batch();
            let mut crew = Crew { pool: &self.pool, workers: &mut self.workers, micro_batch };
            return whole_batches(&self.model, &mut crew, &batches, &self.loss);
        }
        let parts = photos.parts(self.plan.micro_batch(), &self.loss);
        let precision = self.plan.tuning_precision();
        gradients(&self.model, &mut self.workers, &parts, &self.loss, precision)
    }
}
