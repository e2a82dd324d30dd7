//! The backbone's part of a run, where it is to move.

use tl_backbone::Weights;
use tl_features::Features;
use tl_head::LossOptions;

use super::{Halt, Run, head::Learnt, rows::Rows};
use crate::{
    checkpoint::{Checkpoints, OF_TUNING},
    finetune::{TuneInputs, Tuned},
    report::FreezeProof,
};

/// What fine-tuning made of the backbone.
pub(super) struct Tuning {
    pub(super) weights: Weights,
    /// Features of the validation photos through it.
    pub(super) val: Option<Features>,
    pub(super) proof: FreezeProof,
    /// None where no step was taken.
    pub(super) images_per_second: Option<f64>,
}

impl Run<'_> {
    /// Trains the backbone together with the head that `learnt` has.
    pub(super) fn tune(
        &mut self,
        weights: &Weights,
        rows: &mut Rows,
        learnt: Learnt,
        loss: LossOptions,
    ) -> Result<Learnt, Halt> {
        let Learnt { head, history, .. } = learnt;
        // A head without epochs has learnt nothing yet, or comes from a checkpoint.
        let val = rows.val.as_ref().filter(|_| !history.is_empty());
        let before = val.map(|val| val.evaluate(&head, &loss, self.plan.n_threads())).transpose()?;
        let before = before.zip(rows.val_features.take()).map(|((loss, accuracy), val)| (val, loss, accuracy));
        let inputs = TuneInputs {
            plan: self.plan,
            weights,
            head,
            records: history,
            loss,
            answers: self.data.answers(),
            train: rows.train_photos.clone(),
            val: rows.val_photos.clone(),
            started: self.started,
            // What was known already says nothing of how fast photos are.
            seconds_per_photo: (rows.n_cached == 0)
                .then(|| self.clock.seconds("features") / rows.n_photos().max(1) as f64),
        };
        let checkpoints = Checkpoints::new(OF_TUNING, self.folder.checkpoints());
        let checkpoints = checkpoints.of_run(self.plan.options(), &rows.data_blake3);
        let tuned = match inputs.train(&checkpoints, before, self.observer, self.stop)? {
            Tuned::Done(tuned) => *tuned,
            Tuned::Stopped { steps, records } => return Err(self.interrupted(steps, &records)),
        };
        self.clock.lap("tuning");
        let (weights, proof, images_per_second) = (tuned.weights, tuned.proof, tuned.images_per_second);
        Ok(Learnt {
            head: tuned.head,
            history: tuned.history,
            stopped_early: tuned.stopped_early,
            kept_epoch: tuned.kept_epoch,
            // A run that was gone on with would not know.
            fits: Vec::new(),
            tuning: Some(Tuning { weights, val: tuned.val, proof, images_per_second }),
        })
    }
}
