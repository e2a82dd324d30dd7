//! How far fine-tuning is, and what the schedule makes of it.

use super::TuneRun;
use crate::{options::HeadKind, schedule::LearningRate};

impl TuneRun<'_> {
    pub(super) fn n_steps(&self) -> usize {
        self.train.len().div_ceil(self.options.photos_per_step())
    }

    /// Steps of the whole run that are done, the head's among them.
    pub(super) fn n_done(&self) -> usize {
        self.n_head_steps() + self.n_tuned()
    }

    /// Steps of fine-tuning that are done.
    pub(super) fn n_tuned(&self) -> usize {
        self.history.epoch * self.n_steps() + self.history.step
    }

    /// Steps of fine-tuning that were asked for.
    pub(super) fn n_wanted(&self) -> usize {
        self.options.epochs * self.n_steps()
    }

    /// Steps of fine-tuning that the schedule is laid out for.
    pub(super) fn n_laid_out(&self) -> usize {
        self.stopping.n_steps(self.n_wanted())
    }

    /// Photos of the current epoch that were trained on; the last one of a time budget may end before its last photo.
    pub(super) fn n_seen(&self) -> usize {
        self.train.len().min(self.history.step * self.options.photos_per_step())
    }

    /// Steps before the backbone moved.
    pub(super) fn n_head_steps(&self) -> usize {
        match self.options.head {
            HeadKind::Logistic => 0,
            HeadKind::Mlp | HeadKind::Linear => (self.history.records.len() - self.history.epoch) * self.n_steps(),
        }
    }

    /// The head's rate at a step of the current epoch; the backbone's are parts of it.
    pub(super) fn learning_rate(&self, step: usize) -> f64 {
        let rate = LearningRate::new(self.options, self.n_laid_out()).at(self.history.epoch * self.n_steps() + step);
        rate * self.history.plateau.scale(self.options)
    }
}
