//! What photos are to be answered with: one class each, or several.

use tch::{Kind, Tensor};
use tl_data::LabelSets;
use tl_head::{Head, LossOptions, Targets, probabilities, row_loss};
use tl_metrics::Worth;

use crate::{data::Data, error::TrainError, table::Table};

/// How labels become what a loss takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers<'a> {
    /// The sets of classes that labels stand for, where photos may have several.
    pub(crate) sets: Option<&'a LabelSets>,
    pub(crate) n_classes: usize,
}

impl Answers<'_> {
    /// The labels themselves; or where they are sets of classes, 1 for each class of the row.
    pub(crate) fn targets(self, labels: &[usize]) -> Targets {
        let Some(sets) = self.sets else { return Targets::Labels(labels.to_vec()) };
        let mut rows = vec![0.0; labels.len() * self.n_classes];
        for (row, &label) in rows.chunks_exact_mut(self.n_classes).zip(labels) {
            sets.classes(label).iter().for_each(|&class| row[class] = 1.0);
        }
        Targets::Several { rows, n_classes: self.n_classes }
    }
}

/// Rows that are answered rightly, see [`Targets::n_correct`].
pub(crate) fn n_correct(logits: &Tensor, targets: &Tensor) -> Result<usize, TrainError> {
    Ok(hits(logits, targets)?.f_int64_value(&[])? as usize)
}

/// Their number as a scalar `i64`, where the logits are.
pub(crate) fn hits(logits: &Tensor, targets: &Tensor) -> Result<Tensor, TrainError> {
    let hits = match targets.dim() {
        1 => logits.f_argmax(1, false)?.f_eq_tensor(targets)?,
        _ => logits.f_ge(0.0)?.f_eq_tensor(&targets.f_gt(0.5)?)?.f_all_dim(1, false)?,
    };
    Ok(hits.f_sum(Kind::Int64)?)
}

/// Loss and accuracy of logits, row by row.
pub(crate) fn evaluate(
    logits: &[f32],
    n_classes: usize,
    targets: &Targets,
    loss: &LossOptions,
) -> Result<(f64, f64), TrainError> {
    let value = row_loss(logits, n_classes, targets, loss)?.value;
    Ok((value, targets.n_correct(logits, n_classes) as f64 / targets.len() as f64))
}

/// What the head is worth on the validation photos.
pub(crate) fn worth(head: &Head, val: &Table, data: &Data, n_threads: usize) -> Result<Worth, TrainError> {
    let multi_label = data.label_sets.is_some();
    let logits = head.logits_on(n_threads, &val.features)?;
    let rows = probabilities(&logits, data.classes.len(), 1.0, multi_label)?;
    let truth: Vec<&[usize]> = val.labels.iter().map(|label| data.classes_of(label)).collect();
    Ok(Worth::new(&data.classes, &truth, &rows, multi_label)?)
}
