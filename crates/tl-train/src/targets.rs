//! What the rows of features are to be answered with: one class each, or several.

use tch::{Kind, Tensor};
use tl_data::LabelSets;
use tl_head::{Head, LossOptions, loss_on, probabilities};
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
    /// The labels themselves, `[n] i64`; or where they are sets of classes `[n, n_classes] f32`, 1 for each class of the
    /// row.
    pub(crate) fn targets(self, labels: &[usize]) -> Result<Tensor, TrainError> {
        let Some(sets) = self.sets else {
            return Ok(Tensor::f_from_slice(&labels.iter().map(|&label| label as i64).collect::<Vec<_>>())?);
        };
        let mut rows = vec![0.0; labels.len() * self.n_classes];
        for (row, &label) in rows.chunks_exact_mut(self.n_classes).zip(labels) {
            sets.classes(label).iter().for_each(|&class| row[class] = 1.0);
        }
        Ok(tl_torch::tensor_from_f32(&rows, &[labels.len() as i64, self.n_classes as i64])?)
    }
}

/// Rows whose most probable class is theirs; or that have the classes with a probability of 0.5 or more, and no others.
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

/// Loss and accuracy of `head` on rows of features.
pub(crate) fn evaluate(
    head: &Head,
    features: &Tensor,
    targets: &Tensor,
    loss: &LossOptions,
) -> Result<(f64, f64), TrainError> {
    let _guard = tch::no_grad_guard();
    evaluate_logits(&head.forward(features)?, targets, loss)
}

/// Loss and accuracy of logits.
pub(crate) fn evaluate_logits(logits: &Tensor, targets: &Tensor, loss: &LossOptions) -> Result<(f64, f64), TrainError> {
    let _guard = tch::no_grad_guard();
    let loss = loss_on(logits, targets, loss)?.f_double_value(&[])?;
    Ok((loss, n_correct(logits, targets)? as f64 / targets.size()[0] as f64))
}

/// What the head is worth on the validation photos, with these labels.
pub(crate) fn worth(head: &Head, val: &Table, labels: &[usize], data: &Data) -> Result<Worth, TrainError> {
    let _guard = tch::no_grad_guard();
    let (logits, multi_label) = (head.forward(&val.features)?, data.label_sets.is_some());
    let probabilities = if multi_label { logits.f_sigmoid()? } else { probabilities(&logits, 1.0)? };
    let truth: Vec<&[usize]> = labels.iter().map(|label| data.classes_of(label)).collect();
    Ok(Worth::new(&data.classes, &truth, &tl_torch::to_vec_f32(&probabilities)?, multi_label)?)
}
