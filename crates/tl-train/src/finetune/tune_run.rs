//! The loop of fine-tuning.

mod counts;
mod ends;
mod lr_curve;
mod stages;
mod state;
mod steps;
mod validation;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use rayon::ThreadPool;
use tch::Device;
use tl_backbone::{Backbone, LayerInfo, Weights, layers};
use tl_data::{Loader, LoaderOptions, Sample};
use tl_features::Features;
use tl_head::{Head, LossOptions, TensorHead};
use tl_metrics::EpochRecord;
use tl_torch::{set_intra_op_threads, thread_pool};

use super::{
    checkpoint::TuneCheckpoint, history::History, kept::Kept, model::Model, on_device::OnDevice, proof::Frozen,
    worker::Worker,
};
use crate::{
    checkpoint::{Checkpoints, Newest},
    ema::Ema,
    error::TrainError,
    event::{Event, Observer},
    optimizer::Optimizer,
    options::{Keep, TrainOptions},
    plan::Plan,
    report::FreezeProof,
    stopping::{Pace, StopReason, Stopping},
    targets::Answers,
};

/// What fine-tuning starts from.
pub(crate) struct TuneInputs<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) weights: &'a Weights,
    pub(crate) head: Head,
    /// The head's epochs on features.
    pub(crate) records: Vec<EpochRecord>,
    pub(crate) loss: LossOptions,
    pub(crate) answers: Answers<'a>,
    /// Photos that can be read.
    pub(crate) train: Vec<Sample>,
    pub(crate) val: Vec<Sample>,
    /// When the run began, for its time budget.
    pub(crate) started: Instant,
    /// What reading a photo and computing its features took, where that was done.
    pub(crate) seconds_per_photo: Option<f64>,
}

/// How it ended.
pub(crate) enum Tuned {
    Done(Box<TunedModel>),
    Stopped { steps: usize, records: Vec<EpochRecord> },
}

/// The fine-tuned model.
pub(crate) struct TunedModel {
    pub(crate) weights: Weights,
    pub(crate) head: Head,
    pub(crate) history: Vec<EpochRecord>,
    pub(crate) proof: FreezeProof,
    /// Features of the validation photos through the tuned backbone.
    pub(crate) val: Option<Features>,
    /// None where no step was taken.
    pub(crate) images_per_second: Option<f64>,
    pub(crate) stopped_early: Option<StopReason>,
    /// The epoch that was kept because the validation photos spoke for it.
    pub(crate) kept_epoch: Option<usize>,
}

impl TuneInputs<'_> {
    /// Goes on from the newest of the checkpoints, if there is one. `before` is what a head that has learnt makes of the
    /// validation photos, where there are any: their features, its loss and its accuracy.
    pub(crate) fn train(
        self,
        checkpoints: &Checkpoints,
        before: Option<(Features, f64, f64)>,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Tuned, TrainError> {
        let mut run = TuneRun::new(self)?;
        let newest = checkpoints.newest(|path| TuneCheckpoint::open(path, checkpoints))?;
        if let Some(Newest { checkpoint, passed_over }) = newest {
            run.restore(checkpoint)?;
            passed_over.remove(observer);
            run.check_best(checkpoints, observer);
            let (epochs, history) = (run.history.records.len(), &run.history.records);
            observer.event(&Event::Resumed { epochs, steps: run.history.step, step: run.n_done(), history });
        } else if let Some((features, loss, accuracy)) = before {
            run.val_features = Some((0, features));
            run.stopping.begins_with(loss, accuracy);
            if run.options.keep == Keep::Best {
                // So that no run ends worse than it began.
                run.history.best = Some((0, accuracy, loss));
                run.save(checkpoints, true, observer)?;
            }
        }
        let stopped_early = loop {
            let reason = run.stopping.reason(run.n_tuned(), run.n_wanted());
            if reason.is_some() || run.history.epoch >= run.options.epochs {
                break reason;
            }
            match run.epoch(checkpoints, observer, stop) {
                Ok(true) => {}
                Ok(false) => {
                    run.save(checkpoints, false, observer)?;
                    let History { step: steps, records, .. } = run.history;
                    return Ok(Tuned::Stopped { steps, records });
                }
                // What was best so far is as good as before.
                Err(TrainError::Diverged { epoch, .. }) if run.best_to_keep().is_some() => {
                    break Some(StopReason::Diverged(epoch));
                }
                Err(error) => return Err(error),
            }
        };
        if let Some(reason) = &stopped_early {
            observer.event(&Event::StoppedEarly(reason));
        }
        run.warn_of_waiting(observer);
        run.finish(checkpoints, stopped_early).map(|model| Tuned::Done(Box::new(model)))
    }
}

/// A model in training.
struct TuneRun<'a> {
    plan: &'a Plan,
    options: &'a TrainOptions,
    layers: Vec<LayerInfo>,
    /// What the settings let move, sooner or later.
    trained: Vec<bool>,
    frozen: Frozen,
    model: Model,
    optimizer: Optimizer,
    /// The average of all tensors, which then is what is validated and kept.
    ema: Option<Ema>,
    /// Learning rates of the parameters as parts of the head's.
    rates: Vec<f64>,
    workers: Vec<Worker>,
    /// Instead of the workers, where the plan has a device.
    on_device: Option<OnDevice>,
    /// For what workers do layer by layer.
    pool: ThreadPool,
    /// What the workers' frozen blocks make of the photos, where it serves for more epochs than one.
    kept: Option<Arc<Kept>>,
    kept_is_told: bool,
    loss: LossOptions,
    answers: Answers<'a>,
    loader: Loader,
    train: Arc<[Sample]>,
    val: Vec<Sample>,
    /// Features of the validation photos through what is to be kept by now, and the epoch that it is of.
    val_features: Option<(usize, Features)>,
    history: History,
    stopping: Stopping,
}

impl<'a> TuneRun<'a> {
    fn new(inputs: TuneInputs<'a>) -> Result<Self, TrainError> {
        // What the caller's own thread computes is to have one order, too.
        set_intra_op_threads(1);
        let TuneInputs { plan, weights, head, records, loss, answers, train, val, started, seconds_per_photo } = inputs;
        let (options, layers) = (plan.options(), layers(plan.spec()));
        let trained = plan.freeze().trained(&layers);
        let mut backbone = Backbone::new(weights)?;
        backbone.set_bn_momentum(options.bn_momentum);
        let device = plan.device().unwrap_or(Device::Cpu);
        backbone.to_device(device)?;
        let head = TensorHead::of(&head)?.to_device(device)?;
        let frozen = Frozen::new(&backbone, &layers, &trained, options.batch_norm)?;
        let loading = LoaderOptions {
            batch_size: options.photos_per_step(),
            n_threads: options.threads,
            decode: options.decode(),
            augment: (!plan.augment().is_none()).then(|| plan.augment().clone()),
            seed: options.seed,
        };
        let loader = Loader::new(plan.preprocessing().geometry, loading)?;
        let pace = Pace::new(options.photos_per_step(), train.len(), val.len());
        let pace = seconds_per_photo.into_iter().fold(pace, Pace::expecting);
        // A head that has learnt is something to write down already.
        let min_steps = usize::from(plan.starts_from_random_head());
        let mut run = Self {
            plan,
            options,
            layers,
            trained,
            frozen,
            model: Model { backbone, head },
            optimizer: Optimizer::new(options.optimizer_config(), Vec::new())?,
            ema: options.ema_decay.map(Ema::new).transpose()?,
            rates: Vec::new(),
            workers: Vec::new(),
            on_device: None,
            pool: thread_pool(plan.n_threads())?,
            kept: None,
            kept_is_told: false,
            loss,
            answers,
            loader,
            train: train.into(),
            val,
            val_features: None,
            history: History { n_staged: options.epochs, records, ..History::default() },
            stopping: Stopping::new(options, started, min_steps, pace),
        };
        run.unfreeze()?;
        Ok(run)
    }
}
