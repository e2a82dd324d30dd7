//! The head's part of a run.

use std::collections::BTreeSet;

use tl_head::{Head, LogisticFit, LossOptions};
use tl_metrics::EpochRecord;

use super::{Halt, Run, rows::Rows, tuning::Tuning};
use crate::{
    checkpoint::{Checkpoints, OF_TUNING},
    event::Event,
    options::{HeadKind, TrainOptions},
    report::write_history,
    stopping::StopReason,
    table::Table,
    train_head::{HeadInputs, Trained},
};

/// What a run has learnt.
pub(super) struct Learnt {
    pub(super) head: Head,
    pub(super) history: Vec<EpochRecord>,
    pub(super) stopped_early: Option<StopReason>,
    /// The epoch that was kept because the validation photos spoke for it.
    pub(super) kept_epoch: Option<usize>,
    /// How the head was fitted, where it was.
    pub(super) fits: Vec<Option<LogisticFit>>,
    /// None where the backbone stays.
    pub(super) tuning: Option<Tuning>,
}

impl Run<'_> {
    /// Whether fine-tuning brings or draws its own head: a checkpoint has one, and a random one needs no steps.
    fn needs_no_head(&self) -> bool {
        let has_checkpoint = || Checkpoints::new(OF_TUNING, self.folder.checkpoints()).any();
        self.plan.starts_from_random_head() || self.plan.tunes_backbone() && has_checkpoint()
    }

    /// Trains a head on the rows.
    pub(super) fn train_head(&mut self, rows: &Rows, loss: &LossOptions) -> Result<Learnt, Halt> {
        let n_classes = self.data.classes.len();
        let trained = if self.needs_no_head() {
            let head = Head::new(&self.plan.head_config(n_classes), self.plan.options().seed)?;
            Trained::without_steps(head)
        } else {
            self.warn_of_untested(&rows.train);
            let inputs = HeadInputs {
                plan: &self.plan.for_head(),
                train: &rows.train,
                val: rows.val.as_ref(),
                loss: loss.clone(),
                n_classes,
                folder: Some(self.folder),
                data_blake3: &rows.data_blake3,
                started: self.started,
            };
            // Its epochs are the first of those of the run.
            let n_later = if self.plan.tunes_backbone() { self.plan.options().epochs } else { 0 };
            let mut counting = |event: &Event<'_>| match *event {
                Event::Epoch { record, n_epochs, step, n_photos } => {
                    self.observer.event(&Event::Epoch { record, n_epochs: n_epochs + n_later, step, n_photos });
                }
                // The run itself goes on.
                Event::StoppedEarly(_) if n_later > 0 => {}
                _ => self.observer.event(event),
            };
            inputs.train(&mut counting, self.stop)?
        };
        match trained {
            Trained::Done { head, records: history, stopped_early, kept_epoch, fits } => {
                self.clock.lap("training");
                Ok(Learnt { head, history, stopped_early, kept_epoch, fits, tuning: None })
            }
            Trained::Stopped { steps, records } => Err(self.interrupted(steps, &records)),
        }
    }

    /// Cross-validation asks of a class what no fit has learnt, where all that there is of it is held out at once.
    fn warn_of_untested(&mut self, train: &Table) {
        let TrainOptions { head, multi_label, .. } = self.plan.options();
        if *head != HeadKind::Logistic || *multi_label || self.plan.tunes_backbone() {
            return;
        }
        let mut groups = vec![BTreeSet::new(); self.data.classes.len()];
        for (photo, &label) in train.labels[..train.len()].iter().enumerate() {
            groups[label].insert(train.groups.get(photo).copied().unwrap_or(photo));
        }
        let single = self.data.classes.iter().zip(groups).filter(|(_, groups)| groups.len() == 1);
        let single: Vec<&str> = single.map(|(class, _)| class.as_str()).collect();
        if !single.is_empty() {
            let problem = format!(
                "cross-validation cannot but be wrong on {}: one photo to train on, or one that the others are like or go \
                 with, is never both learnt and tested",
                single.join(", ")
            );
            self.observer.event(&Event::Warning(&problem));
        }
    }

    /// What there is of the run's curve is written down, too.
    pub(super) fn interrupted(&self, steps: usize, records: &[EpochRecord]) -> Halt {
        match write_history(self.folder, records) {
            Ok(()) => Halt::Interrupted { epochs: records.len(), steps },
            Err(error) => error.into(),
        }
    }
}
