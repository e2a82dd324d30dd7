//! The steps of an epoch.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tl_events::Step;
use tl_head::Targets;

use super::{End, HeadRun};
use crate::{
    descent::Batch,
    error::TrainError,
    event::{Event, Observer},
    mix::Mix,
    order::order,
    table::Table,
    views::drawn,
};

impl HeadRun<'_> {
    /// The steps of the current epoch that are still to do, and fit into the time.
    pub(super) fn epoch_steps(
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
            if self.stopping.cuts(done, wanted) {
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
        self.progress.learning_rate = learning_rate;
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
        self.progress.n_correct += own.n_correct(&logits, self.descent.config().n_classes);
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
    pub(super) fn n_seen(&self, n_photos: usize) -> usize {
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
}
