//! What becomes of the learning rate over a run.

use std::f64::consts::PI;

use crate::options::{Schedule, TrainOptions};

/// The learning rate of each step of a run: a pure function of the step, so that there is nothing to save.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRate {
    /// Its course.
    pub schedule: Schedule,
    /// The highest rate.
    pub peak: f64,
    /// Steps in which it grows evenly, from `peak / (warmup_steps + 1)` at the first, before its course begins.
    pub warmup_steps: usize,
    /// Steps of the whole run.
    pub n_steps: usize,
    /// With [`Schedule::Step`]: what the rate is multiplied by, and how often, in even parts of the run.
    pub drops: (f64, usize),
}

impl LearningRate {
    /// The rate that the options ask for in a run of so many steps.
    pub(crate) fn new(options: &TrainOptions, n_steps: usize) -> Self {
        let warmup_steps = (options.warmup * n_steps as f64).round() as usize;
        let drops = (options.step_factor, options.step_drops);
        Self { schedule: options.schedule, peak: options.lr, warmup_steps, n_steps, drops }
    }

    /// The rate of a step, from 0.
    #[must_use]
    pub fn at(&self, step: usize) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / (self.warmup_steps + 1) as f64;
        }
        let (done, all) = (step - self.warmup_steps, self.n_steps.saturating_sub(self.warmup_steps).max(1));
        match self.schedule {
            // What a plateau cuts depends on the validation photos, and comes on top.
            Schedule::Constant | Schedule::Plateau => self.peak,
            // Sinks to zero, so that the last epoch, which is the one that is kept, depends less on where a last
            // large step happened to lead.
            Schedule::Cosine => self.peak * 0.5 * (1.0 + (PI * done as f64 / all as f64).cos()),
            Schedule::OneCycle => one_cycle(self.peak, done, all),
            Schedule::Step => self.peak * self.drops.0.powi((done * (self.drops.1 + 1) / all) as i32),
        }
    }
}

/// PyTorch's `OneCycleLR` with its defaults (Smith and Topin 2017, arXiv:1708.07120): along half a cosine from a 25th
/// of the peak up to it in three tenths of the steps, then down to a 250,000th.
fn one_cycle(peak: f64, step: usize, n_steps: usize) -> f64 {
    let (step, last) = (step as f64, n_steps.saturating_sub(1) as f64);
    let (low, lowest) = (peak / 25.0, peak / 25.0 / 1e4);
    // The last step of the way up; of a run of three steps or fewer it is the first.
    let top = (0.3 * n_steps as f64 - 1.0).max(0.0);
    match step <= top && top > 0.0 {
        true => along_cosine(low, peak, step / top),
        false => along_cosine(peak, lowest, (step - top) / (last - top).max(1.0)),
    }
}

fn along_cosine(from: f64, to: f64, part: f64) -> f64 {
    to + (from - to) * 0.5 * (1.0 + (PI * part).cos())
}
