//! Losses of fine-tuning by learning rate.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{TuneInputs, TuneRun};
use crate::{error::TrainError, event::Observer, finetune::source::StepBatch, lr_find::LrCurve};

impl TuneInputs<'_> {
    /// A step at each of the head's rates in turn, the backbone's in proportion, until the loss diverges. None when
    /// `stop` was set.
    pub(crate) fn lr_curve(
        self,
        rates: impl Iterator<Item = f64>,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Option<LrCurve>, TrainError> {
        let mut run = TuneRun::new(self)?;
        let mut batches = run.batches(observer);
        let mut curve = LrCurve::default();
        for rate in rates {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let mut batch = batches.next().filter(|batch| run.is_full(batch));
            if batch.is_none() {
                run.history.epoch += 1;
                batches = run.batches(observer);
                batch = batches.next();
            }
            let batch = batch.ok_or(TrainError::WorkerLost)?;
            let loss = match run.step(&batch, rate) {
                Err(TrainError::Diverged { loss, .. }) => loss,
                loss => loss?,
            };
            if !curve.add(rate, loss) {
                break;
            }
        }
        Ok(Some(curve))
    }
}

impl TuneRun<'_> {
    /// The last batch of an epoch may be small, and noisier than what a curve is to show.
    fn is_full(&self, batch: &StepBatch) -> bool {
        batch.len() == self.options.photos_per_step().min(self.train.len())
    }
}
