//! The state of a head in training: what checkpoints hold, and what is left in the end.

use tl_head::Head;
use tl_metrics::EpochRecord;

use super::{Best, Checkpoint, HeadAverage, HeadRun, Progress};
use crate::{
    checkpoint::Checkpoints,
    descent::Descent,
    error::TrainError,
    event::{Event, Observer},
    stopping::is_better,
};

impl HeadRun<'_> {
    /// The trained head, the history, and the epoch that was kept for being the best: the head is the last epoch's, or
    /// the best's where that was asked for.
    pub(crate) fn into_result(self) -> Result<(Head, Vec<EpochRecord>, Option<usize>), TrainError> {
        let averaged = self.averaged()?;
        let last = || averaged.map_or_else(|| self.descent.head(), Ok);
        let (head, kept) = match self.best {
            Some(best) => (best.head, best_epoch(&self.progress.history)),
            None => (last()?, None),
        };
        Ok((head, self.progress.history, kept))
    }

    /// Everything needed to go on to the same bits.
    fn checkpoint(&self) -> Result<Checkpoint, TrainError> {
        Ok(Checkpoint {
            progress: Progress { stopping: self.stopping.state(), ..self.progress.clone() },
            head: self.descent.head()?,
            optimizer: self.descent.optimizer().state()?,
            average: self.average.as_ref().map(HeadAverage::state).transpose()?.unwrap_or_default(),
            best: self.best.as_ref().map(|best| (best.accuracy, best.loss, best.head.clone())),
        })
    }

    /// Writes a checkpoint, where there are any, and tells of it.
    pub(crate) fn save(
        &self,
        checkpoints: Option<&Checkpoints>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Some(checkpoints) = checkpoints else { return Ok(()) };
        observer.event(&Event::Saving);
        let place = (self.progress.epoch, self.progress.step);
        let path = checkpoints.save(&self.checkpoint()?.archive(checkpoints)?, place, false)?;
        observer.event(&Event::Checkpoint(&path));
        Ok(())
    }

    /// Takes a checkpoint's place in the run.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), TrainError> {
        self.options.check_epochs_left(checkpoint.progress.epoch, checkpoint.progress.step)?;
        self.descent = Descent::new(self.options, &checkpoint.head)?;
        let (n_steps, arrays) = checkpoint.optimizer;
        self.descent.load_state(n_steps, &arrays)?;
        if let Some(average) = &mut self.average {
            let (n_updates, arrays) = checkpoint.average;
            average.load_state(n_updates, arrays, self.descent.config())?;
        }
        self.progress = checkpoint.progress;
        self.stopping.restore(self.progress.stopping.clone());
        self.best = checkpoint.best.map(|(accuracy, loss, head)| Best { accuracy, loss, head });
        Ok(())
    }

    /// Finished steps of the current epoch, and what the epochs before it came to.
    pub(crate) fn position(&self) -> (usize, Vec<EpochRecord>) {
        (self.progress.step, self.progress.history.clone())
    }

    /// Tells that the run goes on from a checkpoint.
    pub(crate) fn tell_resumed(&self, n_photos: usize, observer: &mut dyn Observer) {
        let Progress { epoch: epochs, step: steps, ref history, .. } = self.progress;
        observer.event(&Event::Resumed { epochs, steps, step: self.done(n_photos), history });
    }
}

/// The epoch of the best accuracy on the validation photos, the lower loss and then the earlier epoch deciding ties;
/// none where there were no such photos.
pub(crate) fn best_epoch(history: &[EpochRecord]) -> Option<usize> {
    let seen = |record: &EpochRecord| Some((record.epoch, (record.val_accuracy?, record.val_loss?)));
    let better_of = |best: (usize, _), next: (usize, _)| if is_better(next.1, best.1) { next } else { best };
    history.iter().filter_map(seen).reduce(better_of).map(|(epoch, _)| epoch)
}
