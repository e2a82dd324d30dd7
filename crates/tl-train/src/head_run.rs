//! The loop that trains a head on features.

mod average;
mod checkpoint;
mod ends;
mod state;
mod steps;

use std::{sync::atomic::AtomicBool, time::Instant};

use tl_head::{Head, LossOptions};

use self::{average::HeadAverage, checkpoint::Progress};
pub(crate) use self::{checkpoint::Checkpoint, state::best_epoch};
use crate::{
    descent::Descent,
    error::TrainError,
    event::{Event, Observer},
    options::TrainOptions,
    schedule::LearningRate,
    stopping::{StopReason, Stopping},
    table::Table,
};

/// A head in training: everything that a checkpoint keeps.
pub(crate) struct HeadRun<'a> {
    options: &'a TrainOptions,
    loss: LossOptions,
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
        let descent = Descent::new(options, head)?;
        let (average, progress) = (options.ema_decay.map(HeadAverage::new).transpose()?, Progress::default());
        Ok(Self { options, loss, descent, average, progress, stopping, best: None })
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
        loop {
            let mut reason = self.stopping.reason(self.done(train.len()), wanted);
            if reason.is_none() && self.done(train.len()) < wanted {
                match self.epoch(train, val, observer, stop, &mut save) {
                    Ok(End::Finished(_)) => continue,
                    // What was best so far is as good as before.
                    Err(TrainError::Diverged { epoch, .. }) if self.best.is_some() => {
                        reason = Some(StopReason::Diverged(epoch));
                    }
                    end => return end,
                }
            }
            if let Some(reason) = &reason {
                observer.event(&Event::StoppedEarly(reason));
            }
            return Ok(End::Finished(reason));
        }
    }

    /// What is left of an epoch, with its end.
    fn epoch(
        &mut self,
        train: &Table,
        val: Option<&Table>,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
        save: &mut impl FnMut(&Self, &mut dyn Observer) -> Result<(), TrainError>,
    ) -> Result<End, TrainError> {
        if self.epoch_steps(train, observer, stop)? == End::Stopped {
            return Ok(End::Stopped);
        }
        let (done, n_photos) = (self.done(train.len()), self.n_seen(train.len()));
        let ending = Instant::now();
        let record = self.finish_epoch(train, val)?;
        let n_epochs = self.n_steps(train.len()).div_ceil(self.steps_per_epoch(train.len()));
        observer.event(&Event::Epoch { record: &record, n_epochs, step: done, n_photos });
        self.progress.history.push(record);
        save(self, observer)?;
        self.stopping.after_end_of_epoch(ending.elapsed().as_secs_f64());
        Ok(End::Finished(None))
    }

    fn steps_per_epoch(&self, n_photos: usize) -> usize {
        n_photos.div_ceil(self.options.photos_per_step())
    }

    /// Steps of the whole run that are done.
    fn done(&self, n_photos: usize) -> usize {
        self.progress.epoch * self.steps_per_epoch(n_photos) + self.progress.step
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
}
