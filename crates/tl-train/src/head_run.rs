//! The loop that trains a head on features.

mod average;
mod state;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tl_events::Step;
use tl_head::{Head, HeadConfig, LossOptions, Targets};
use tl_metrics::EpochRecord;

use self::average::HeadAverage;
pub(crate) use self::state::best_epoch;
use crate::{
    checkpoint::Progress,
    descent::{Batch, Descent},
    error::TrainError,
    event::{Event, Observer},
    mix::Mix,
    options::{Keep, TrainOptions},
    order::order,
    schedule::LearningRate,
    stopping::{StopReason, Stopping, is_better},
    table::Table,
    targets::evaluate,
    views::drawn,
};

/// A head in training: everything that a checkpoint keeps.
pub(crate) struct HeadRun<'a> {
    options: &'a TrainOptions,
    loss: LossOptions,
    config: HeadConfig,
    descent: Descent,
    /// The average of the weights, which then is what is validated and kept.
    average: Option<HeadAverage>,
    progress: Progress,
    stopping: Stopping,
    best: Option<Best>,
}

/// The best epoch so far, when the best is to be kept.
struct Best {
    accuracy: f64,
    loss: f64,
    head: Head,
}

/// How a stretch of training ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum End {
    /// At the last epoch, or before it for a reason.
    Finished(Option<StopReason>),
    /// By the user.
    Stopped,
}

impl<'a> HeadRun<'a> {
    pub(crate) fn new(
        options: &'a TrainOptions,
        loss: LossOptions,
        head: &Head,
        stopping: Stopping,
    ) -> Result<Self, TrainError> {
        let (descent, config) = (Descent::new(options, head)?, head.config().clone());
        let (average, progress) = (options.ema_decay.map(HeadAverage::new).transpose()?, Progress::default());
        Ok(Self { options, loss, config, descent, average, progress, stopping, best: None })
    }

    /// Epochs from where the run stands to the last, or until there is a reason to stop early, or until `stop` is set,
    /// which ends it after the current step.
    pub(crate) fn train(
        &mut self,
        train: &Table,
        val: Option<&Table>,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
        mut save: impl FnMut(&Self, &mut dyn Observer) -> Result<(), TrainError>,
    ) -> Result<End, TrainError> {
        let wanted = self.options.epochs * self.steps_per_epoch(train.len());
        while self.done(train.len()) < wanted {
            if let Some(reason) = self.stopping.reason(self.done(train.len()), wanted) {
                observer.event(&Event::StoppedEarly(&reason));
                return Ok(End::Finished(Some(reason)));
            }
            if self.epoch_steps(train, observer, stop)? == End::Stopped {
                return Ok(End::Stopped);
            }
            let (done, n_photos) = (self.done(train.len()), self.n_seen(train.len()));
            let ending = Instant::now();
            let record = self.finish_epoch(train, val)?;
            let n_epochs = self.stopping.n_steps(wanted).div_ceil(self.steps_per_epoch(train.len()));
            observer.event(&Event::Epoch { record: &record, n_epochs, step: done, n_photos });
            self.progress.history.push(record);
            save(self, observer)?;
            self.stopping.after_end_of_epoch(ending.elapsed().as_secs_f64());
        }
        Ok(End::Finished(None))
    }

    fn steps_per_epoch(&self, n_photos: usize) -> usize {
        n_photos.div_ceil(self.options.photos_per_step())
    }

    /// Steps of the whole run that are done.
    fn done(&self, n_photos: usize) -> usize {
        self.progress.epoch * self.steps_per_epoch(n_photos) + self.progress.step
    }

    /// The steps of the current epoch that are still to do, and fit into the time.
    fn epoch_steps(
        &mut self,
        train: &Table,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<End, TrainError> {
        let started = Instant::now();
        let (seed, epoch) = (self.options.seed, self.progress.epoch);
        let order = order(self.options.sampler, &train.labels[..train.len()], seed, epoch);
        let order = drawn(order, train.len(), train.n_rows(), seed, epoch);
        let n_steps = self.steps_per_epoch(train.len());
        let wanted = self.options.epochs * n_steps;
        let mut end = End::Finished(None);
        while self.progress.step < n_steps {
            if stop.load(Ordering::Relaxed) {
                end = End::Stopped;
                break;
            }
            let first = self.progress.step * self.options.photos_per_step();
            let size = self.options.photos_per_step().min(train.len() - first);
            let stepping = Instant::now();
            let record = self.step(train, &order[first..first + size])?;
            observer.event(&Event::Step(record));
            let done = self.done(train.len());
            self.stopping.after_step(stepping.elapsed().as_secs_f64(), done, wanted);
            if self.stopping.out_of_time(done) || done >= self.stopping.n_steps(wanted) {
                break;
            }
        }
        self.progress.seconds += started.elapsed().as_secs_f64();
        Ok(end)
    }

    /// One step of the optimizer on the photos at `rows`.
    fn step(&mut self, train: &Table, rows: &[usize]) -> Result<Step, TrainError> {
        let started = Instant::now();
        let learning_rate = self.learning_rate(train.len(), self.progress.step);
        let (own, batch) = self.batch(train, rows);
        let (logits, value) = self.descent.step(&batch, &self.loss, learning_rate)?;
        if !value.is_finite() {
            return Err(self.diverged(value));
        }
        if let Some(average) = &mut self.average {
            average.update(&self.descent);
        }
        // Running sums over the epoch, as Keras shows them: the head moves while they add up.
        self.progress.loss_sum += value * rows.len() as f64;
        self.progress.n_correct += own.n_correct(&logits, self.config.n_classes);
        self.progress.step += 1;
        Ok(Step {
            epoch: self.progress.epoch + 1,
            step: self.done(train.len()),
            n_steps: self.n_steps(train.len()),
            loss: value,
            learning_rate,
            photos_per_second: rows.len() as f64 / started.elapsed().as_secs_f64().max(1e-9),
        })
    }

    /// Photos of the current epoch that were trained on; the last one of a time budget may end before its last photo.
    fn n_seen(&self, n_photos: usize) -> usize {
        n_photos.min(self.progress.step * self.options.photos_per_step())
    }

    /// Targets of the photos at `rows`, and what is made of the photos to learn from.
    fn batch(&self, train: &Table, rows: &[usize]) -> (Targets, Batch) {
        let (own, mut features) = (train.targets.select(rows), train.select(rows));
        let Some(Mix::Up { share }) = Mix::draw(self.options, self.progress.epoch, self.progress.step) else {
            return (own.clone(), Batch { features, targets: vec![(own, 1.0)] });
        };
        let partners: Vec<usize> = rows.iter().rev().copied().collect();
        let of_partners = train.select(&partners);
        features.iter_mut().zip(of_partners).for_each(|(x, y)| *x = share as f32 * *x + (1.0 - share) as f32 * y);
        let targets = vec![(own.clone(), share), (train.targets.select(&partners), 1.0 - share)];
        (own, Batch { features, targets })
    }

    /// Steps of the whole run: what the schedule is laid out for.
    fn n_steps(&self, n_photos: usize) -> usize {
        self.stopping.n_steps(self.options.epochs * self.steps_per_epoch(n_photos))
    }

    /// The rate of a step of the current epoch.
    fn learning_rate(&self, n_photos: usize, step: usize) -> f64 {
        let done = self.progress.epoch * self.steps_per_epoch(n_photos) + step;
        LearningRate::new(self.options, self.n_steps(n_photos)).at(done) * self.progress.plateau.scale(self.options)
    }

    fn finish_epoch(&mut self, train: &Table, val: Option<&Table>) -> Result<EpochRecord, TrainError> {
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
            learning_rate: self.learning_rate(train.len(), self.progress.step.saturating_sub(1)),
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

    fn diverged(&self, loss: f64) -> TrainError {
        let rates = format!("{:e}", self.options.lr);
        TrainError::Diverged { loss, epoch: self.progress.epoch + 1, rates }
    }

    /// Loss and accuracy of the head, or of its average where there is one.
    fn validate(&mut self, val: &Table, averaged: Option<&Head>) -> Result<(f64, f64), TrainError> {
        match averaged {
            Some(head) => val.evaluate(head, &self.loss, self.descent.n_threads()),
            None => evaluate(&self.descent.logits(&val.features)?, self.config.n_classes, &val.targets, &self.loss),
        }
    }

    /// The head of the averaged weights, where they are asked for.
    fn averaged(&self) -> Result<Option<Head>, TrainError> {
        self.average.as_ref().map(|average| average.head(&self.config)).transpose()
    }
}
