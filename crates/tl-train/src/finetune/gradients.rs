//! The gradient of a batch, by several workers, in one order.

use std::{
    collections::BTreeMap,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tch::{Kind, Tensor};
use tl_backbone::Precision;
use tl_head::LossOptions;
use tl_torch::{deep_copy, set_intra_op_threads};

use super::{
    model::Model,
    photos::Photos,
    worker::{Part, Worker},
};
use crate::error::TrainError;

/// What a batch says of the model.
pub(crate) struct Gradients {
    /// In the order of [`Model::parameters`].
    pub(crate) by_parameter: Vec<Tensor>,
    /// Mean loss of the batch.
    pub(crate) loss: f64,
    pub(crate) n_correct: usize,
}

/// The gradient of `photos`' loss: micro-batches are computed by whichever worker is free, and added in order.
pub(crate) fn gradients(
    model: &Model,
    workers: &mut [Worker],
    micro_batches: &[Photos<'_>],
    loss: &LossOptions,
    precision: Precision,
) -> Result<Gradients, TrainError> {
    let folded = model.backbone.fold(precision)?;
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let sum = thread::scope(|scope| {
        for worker in workers {
            let (folded, head) = (folded.share()?, model.share_head()?);
            let (sender, next) = (sender.clone(), &next);
            let work = move || {
                set_intra_op_threads(1);
                while let Some((i, photos)) = take(next, micro_batches) {
                    let part = worker.part(&folded, &head, photos, loss);
                    let failed = part.is_err();
                    if sender.send((i, part)).is_err() || failed {
                        return;
                    }
                }
            };
            thread::Builder::new().name("train".to_owned()).spawn_scoped(scope, work).map_err(TrainError::Thread)?;
        }
        drop(sender);
        add_in_order(receiver)
    })?;
    if sum.n_parts != micro_batches.len() {
        return Err(TrainError::WorkerLost);
    }
    Ok(Gradients { by_parameter: unfolded(model, &sum.gradients)?, loss: sum.loss, n_correct: sum.n_correct })
}

fn take<'a>(next: &AtomicUsize, micro_batches: &[Photos<'a>]) -> Option<(usize, Photos<'a>)> {
    let i = next.fetch_add(1, Ordering::Relaxed);
    micro_batches.get(i).map(|photos| (i, *photos))
}

/// The parts so far, the first `n_parts` of them.
#[derive(Default)]
struct Sum {
    n_parts: usize,
    gradients: Vec<Tensor>,
    loss: f64,
    n_correct: usize,
}

/// Parts come in any order; each waits for those before it.
fn add_in_order(parts: mpsc::Receiver<(usize, Result<Part, TrainError>)>) -> Result<Sum, TrainError> {
    let _guard = tch::no_grad_guard();
    let (mut sum, mut waiting) = (Sum::default(), BTreeMap::new());
    for (i, part) in parts {
        waiting.insert(i, part?);
        while let Some(part) = waiting.remove(&sum.n_parts) {
            sum.add(&part)?;
        }
    }
    Ok(sum)
}

impl Sum {
    fn add(&mut self, part: &Part) -> Result<(), TrainError> {
        self.n_parts += 1;
        self.loss += part.loss;
        self.n_correct += part.n_correct;
        if self.gradients.is_empty() {
            let first = part.gradients.iter();
            self.gradients = first
                .map(|gradient| Ok(deep_copy(&gradient.f_to_kind(Kind::Float)?)?))
                .collect::<Result<_, TrainError>>()?;
            return Ok(());
        }
        for (sum, gradient) in self.gradients.iter_mut().zip(&part.gradients) {
            let _ = sum.f_add_(gradient)?;
        }
        Ok(())
    }
}

/// From the folded form's gradients to those of [`Model::parameters`].
fn unfolded(model: &Model, gradients: &[Tensor]) -> Result<Vec<Tensor>, TrainError> {
    let n_head = model.head.parameters().len();
    let (backbone, head) = gradients.split_at(gradients.len().saturating_sub(n_head));
    let backbone = model.backbone.unfold(backbone)?.into_iter().collect();
    in_order(model, backbone, head.iter().map(Tensor::shallow_clone))
}

/// The backbone's gradients, by name, and the head's as those of [`Model::parameters`].
pub(super) fn in_order(
    model: &Model,
    mut backbone: BTreeMap<String, Tensor>,
    head: impl IntoIterator<Item = Tensor>,
) -> Result<Vec<Tensor>, TrainError> {
    let names = model.backbone.parameters().map(|(name, _)| name);
    let backbone = names.map(|name| backbone.remove(name).ok_or(TrainError::WorkerLost));
    backbone.chain(head.into_iter().map(Ok)).collect()
}
