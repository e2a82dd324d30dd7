//! The loop of fine-tuning.

mod state;
mod validation;

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Instant,
};

use rayon::ThreadPool;
use tl_backbone::{Backbone, BatchNorm, LayerInfo, Weights, layers};
use tl_data::{Batch, Loader, LoaderOptions, Sample};
use tl_events::Step;
use tl_features::Features;
use tl_head::{Head, LossOptions};
use tl_metrics::EpochRecord;
use tl_torch::thread_pool;

use super::{
    checkpoint::Checkpoints,
    gradients::{Gradients, gradients},
    history::History,
    model::Model,
    photos::StepPhotos,
    proof::Frozen,
    whole_batch::{Crew, whole_batches},
    worker::Worker,
};
use crate::{
    ema::Ema,
    error::TrainError,
    event::{Event, Observer},
    head_run::copies,
    mix::Mix,
    optimizer::Optimizer,
    options::{HeadKind, Keep, NormKind, TrainOptions},
    order::order,
    plan::Plan,
    report::FreezeProof,
    run_folder::RunFolder,
    schedule::LearningRate,
    stopping::{StopReason, Stopping, evaluation_share},
};

/// What fine-tuning starts from.
pub(crate) struct TuneInputs<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) weights: &'a Weights,
    pub(crate) head: Head,
    /// The head's epochs on features.
    pub(crate) records: Vec<EpochRecord>,
    pub(crate) loss: LossOptions,
    /// Photos that can be read.
    pub(crate) train: Vec<Sample>,
    pub(crate) val: Vec<Sample>,
    pub(crate) folder: &'a RunFolder,
    pub(crate) data_blake3: &'a str,
    /// When the run began, for its time budget.
    pub(crate) started: Instant,
}

/// How it ended.
pub(crate) enum Tuned {
    Done(Box<TunedModel>),
    Stopped { epochs: usize, steps: usize },
}

/// The fine-tuned model.
pub(crate) struct TunedModel {
    pub(crate) weights: Weights,
    pub(crate) head: Head,
    pub(crate) history: Vec<EpochRecord>,
    pub(crate) proof: FreezeProof,
    /// Features of the validation photos through the tuned backbone.
    pub(crate) val: Option<Features>,
    pub(crate) images_per_second: f64,
    pub(crate) stopped_early: Option<StopReason>,
}

impl TuneInputs<'_> {
    /// Whether a run that was interrupted had come as far as this: its checkpoint holds the head that was trained
    /// before.
    pub(crate) fn was_begun(folder: &RunFolder) -> bool {
        Checkpoints::new(folder.checkpoints(), "").any()
    }

    pub(crate) fn train(self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Tuned, TrainError> {
        let checkpoints = Checkpoints::new(self.folder.checkpoints(), self.data_blake3);
        let mut run = TuneRun::new(self)?;
        let (newest, damaged) = checkpoints.newest()?;
        for path in &damaged {
            observer.event(&Event::Damaged(path));
        }
        if let Some(checkpoint) = newest {
            run.restore(checkpoint)?;
            let (epochs, history) = (run.history.records.len(), &run.history.records);
            observer.event(&Event::Resumed { epochs, steps: run.history.step, step: run.n_done(), history });
        }
        let mut stopped_early = None;
        while run.history.epoch < run.options.epochs {
            stopped_early = run.stopping.reason(run.n_tuned(), run.n_wanted());
            if let Some(reason) = &stopped_early {
                observer.event(&Event::StoppedEarly(reason));
                break;
            }
            if !run.epoch_steps(&checkpoints, observer, stop)? {
                checkpoints.save(run.checkpoint()?, false)?;
                return Ok(Tuned::Stopped { epochs: run.history.records.len(), steps: run.history.step });
            }
            let is_best = run.finish_epoch(observer)?;
            checkpoints.save(run.checkpoint()?, is_best)?;
        }
        run.finish(&checkpoints, stopped_early).map(|model| Tuned::Done(Box::new(model)))
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
    /// For what workers do layer by layer.
    pool: ThreadPool,
    loss: LossOptions,
    loader: Loader,
    train: Arc<[Sample]>,
    val: Vec<Sample>,
    history: History,
    stopping: Stopping,
}

impl<'a> TuneRun<'a> {
    fn new(inputs: TuneInputs<'a>) -> Result<Self, TrainError> {
        let TuneInputs { plan, weights, head, records, loss, train, val, started, .. } = inputs;
        let (options, layers) = (plan.options(), layers(plan.spec()));
        let trained = plan.freeze().trained(&layers);
        let mut backbone = Backbone::new(weights)?;
        backbone.set_bn_momentum(options.bn_momentum);
        let frozen = Frozen::new(&backbone, &layers, &trained, options.batch_norm)?;
        let loading = LoaderOptions {
            batch_size: options.photos_per_step(),
            n_threads: options.threads,
            decode: options.decode(),
            augment: (!plan.augment().is_none()).then(|| plan.augment().clone()),
            seed: options.seed,
            ..LoaderOptions::default()
        };
        let loader = Loader::new(plan.preprocessing().geometry, loading)?;
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
            pool: thread_pool(options.threads)?,
            loss,
            loader,
            train: train.into(),
            val,
            history: History { records, ..History::default() },
            // A step at least, so that there is something to write down.
            stopping: Stopping::new(options, started, 1),
        };
        run.unfreeze()?;
        Ok(run)
    }

    // ---- What is trained in an epoch.

    /// Lets the layers of this epoch move, and starts the optimizer anew on them.
    fn unfreeze(&mut self) -> Result<(), TrainError> {
        let norm = match self.options.batch_norm {
            NormKind::Frozen => BatchNorm::Frozen,
            NormKind::Batch => BatchNorm::Batch,
        };
        let n_workers = self.n_threads();
        let Self { model, layers, .. } = self;
        model.backbone.train_layers(&trained_in(self.history.epoch, layers, &self.trained, self.options), norm)?;
        self.rates = model.rates(layers, self.options.backbone_lr / self.options.lr, self.options.stage_decay);
        self.optimizer = Optimizer::new(self.options.optimizer_config(), model.parameters())?;
        let (preprocessing, precision) = (self.plan.preprocessing(), self.plan.tuning_precision());
        let worker = |_| Worker::new(&model.backbone, &preprocessing, precision, self.plan.micro_batch());
        self.workers = (0..n_workers).map(worker).collect::<Result<_, _>>()?;
        Ok(())
    }

    fn n_threads(&self) -> usize {
        match self.options.threads {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        }
    }

    fn n_steps(&self) -> usize {
        self.train.len().div_ceil(self.options.photos_per_step())
    }

    /// Steps of the whole run that are done, the head's among them.
    fn n_done(&self) -> usize {
        self.n_head_steps() + self.n_tuned()
    }

    /// Steps of fine-tuning that are done.
    fn n_tuned(&self) -> usize {
        self.history.epoch * self.n_steps() + self.history.step
    }

    /// Steps of fine-tuning that were asked for.
    fn n_wanted(&self) -> usize {
        self.options.epochs * self.n_steps()
    }

    /// Steps of fine-tuning that the schedule is laid out for.
    fn n_laid_out(&self) -> usize {
        self.stopping.n_steps(self.n_wanted())
    }

    /// Photos of the current epoch that were trained on; the last one of a time budget may end before its last photo.
    fn n_seen(&self) -> usize {
        self.train.len().min(self.history.step * self.options.photos_per_step())
    }

    /// Steps before the backbone moved.
    fn n_head_steps(&self) -> usize {
        match self.options.head {
            HeadKind::Logistic => 0,
            HeadKind::Mlp | HeadKind::Linear => (self.history.records.len() - self.history.epoch) * self.n_steps(),
        }
    }

    // ---- Steps.

    /// The steps of the current epoch that are still to do, and fit into the time; false if `stop` was set.
    fn epoch_steps(
        &mut self,
        checkpoints: &Checkpoints,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<bool, TrainError> {
        let (samples, order) = self.drawn();
        let todo = &order[(self.history.step * self.options.photos_per_step()).min(order.len())..];
        // The loader itself is not stopped: a step that has begun is finished.
        let never = Arc::new(AtomicBool::new(false));
        let mut pass = self.loader.pass(samples, todo, self.history.epoch as u64, never);
        while self.history.step < self.n_steps() {
            if stop.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let started = Instant::now();
            let Some(batch) = pass.next() else { return Err(TrainError::WorkerLost) };
            let (loss, learning_rate) = self.step(&batch)?;
            self.history.step += 1;
            let seconds = started.elapsed().as_secs_f64();
            self.history.seconds += seconds;
            self.history.total_seconds += seconds;
            observer.event(&Event::Step(Step {
                epoch: self.history.records.len() + 1,
                step: self.n_done(),
                n_steps: self.n_head_steps() + self.n_laid_out(),
                loss,
                learning_rate,
                photos_per_second: batch.len() as f64 / seconds.max(1e-9),
            }));
            let every = self.options.checkpoint_steps;
            if every > 0 && self.history.step.is_multiple_of(every) && self.history.step < self.n_steps() {
                checkpoints.save(self.checkpoint()?, false)?;
            }
            let done = self.n_tuned();
            let overhead = evaluation_share(self.train.len(), self.val.len());
            self.stopping.after_step(done, self.n_wanted(), overhead);
            if self.stopping.out_of_time(done) || done >= self.n_laid_out() {
                break;
            }
        }
        Ok(true)
    }

    /// The photos of the current epoch as places in a list, in which a photo stands as often as it comes up: each
    /// place has a draw of its own in augmentation.
    fn drawn(&self) -> (Arc<[Sample]>, Vec<usize>) {
        let labels: Vec<usize> = self.train.iter().map(|sample| sample.label).collect();
        let order = order(self.options.sampler, &labels, self.options.seed, self.history.epoch);
        let order: Vec<usize> = order.into_iter().map(|place| place as usize).collect();
        match order.iter().max().map_or(1, |last| last / self.train.len() + 1) {
            1 => (Arc::clone(&self.train), order),
            n_rounds => (iter::repeat_n(&self.train[..], n_rounds).flatten().cloned().collect(), order),
        }
    }

    /// One step of the optimizer; the loss before it, and its learning rate.
    fn step(&mut self, batch: &Batch) -> Result<(f64, f64), TrainError> {
        if let Some(lost) = batch.skipped.first() {
            return Err(TrainError::PhotoLost { path: lost.path.clone(), reason: lost.reason.to_string() });
        }
        let lr = self.learning_rate(self.history.step);
        let Gradients { by_parameter: mut gradients, loss, n_correct } = self.gradients(batch)?;
        if !loss.is_finite() {
            return Err(TrainError::Diverged { loss, epoch: self.history.epoch + 1, lr });
        }
        self.options.clipping().apply(&mut gradients)?;
        let steps = gradients.into_iter().zip(&self.rates).map(|(gradient, rate)| Some((gradient, lr * rate)));
        self.optimizer.step_along(&steps.collect::<Vec<_>>())?;
        if let Some(ema) = &mut self.ema {
            ema.update(self.model.tensors())?;
        }
        self.history.loss_sum += loss * batch.len() as f64;
        self.history.n_correct += n_correct;
        self.history.n_photos += batch.len();
        Ok((loss, lr))
    }

    fn gradients(&mut self, batch: &Batch) -> Result<Gradients, TrainError> {
        let mix = Mix::draw(self.options, self.history.epoch, self.history.step);
        let photos = StepPhotos::new(batch, self.plan.preprocessing().geometry.side as usize, mix);
        if self.options.batch_norm == NormKind::Batch {
            let batches = photos.parts(self.options.batch_size, &self.loss);
            let micro_batch = self.plan.micro_batch();
            let mut crew = Crew { pool: &self.pool, workers: &mut self.workers, micro_batch };
            return whole_batches(&self.model, &mut crew, &batches, &self.loss);
        }
        let parts = photos.parts(self.plan.micro_batch(), &self.loss);
        let precision = self.plan.tuning_precision();
        gradients(&self.model, &mut self.workers, &parts, &self.loss, precision)
    }

    /// The head's rate at a step of the current epoch; the backbone's are parts of it.
    fn learning_rate(&self, step: usize) -> f64 {
        let rate = LearningRate::new(self.options, self.n_laid_out()).at(self.history.epoch * self.n_steps() + step);
        rate * self.history.plateau.scale(self.options)
    }

    // ---- Ends.

    /// Validates, writes the epoch down, and goes on to the next; whether it was the best so far.
    fn finish_epoch(&mut self, observer: &mut dyn Observer) -> Result<bool, TrainError> {
        let averaged = self.averaged()?;
        let val = self.validate(averaged.as_ref().unwrap_or(&self.model))?.map(|(_, loss, accuracy)| (loss, accuracy));
        let n = self.n_seen() as f64;
        let record = EpochRecord {
            epoch: self.history.records.len() + 1,
            train_loss: self.history.loss_sum / n,
            train_accuracy: self.history.n_correct as f64 / n,
            val_loss: val.map(|(loss, _)| loss),
            val_accuracy: val.map(|(_, accuracy)| accuracy),
            learning_rate: self.learning_rate(self.history.step.saturating_sub(1)),
            seconds: self.history.seconds,
        };
        let n_epochs = record.epoch + self.n_laid_out().div_ceil(self.n_steps()) - self.history.epoch - 1;
        observer.event(&Event::Epoch { record: &record, n_epochs, step: self.n_done(), n_photos: self.n_seen() });
        self.history.records.push(record);
        if let Some((loss, accuracy)) = val {
            self.history.plateau.after_epoch(loss, self.options);
            self.stopping.after_epoch(loss, accuracy);
        }
        let is_best = val.is_some_and(|(loss, accuracy)| self.history.is_best(loss, accuracy));
        self.next_epoch()?;
        Ok(is_best)
    }

    fn next_epoch(&mut self) -> Result<(), TrainError> {
        let trained = |epoch| trained_in(epoch, &self.layers, &self.trained, self.options);
        let changes = trained(self.history.epoch) != trained(self.history.epoch + 1);
        self.history.next_epoch();
        if changes { self.unfreeze() } else { Ok(()) }
    }

    /// The last epoch's model, or the best's where that was asked for.
    fn finish(
        mut self,
        checkpoints: &Checkpoints,
        stopped_early: Option<StopReason>,
    ) -> Result<TunedModel, TrainError> {
        if let (Keep::Best, Some((epoch, ..))) = (self.options.keep, self.history.best) {
            let best = checkpoints.best(epoch)?;
            self.model = self.model_of(best.backbone, best.head)?;
            self.load_ema(best.ema)?;
        }
        let averaged = self.averaged()?;
        let model = averaged.as_ref().unwrap_or(&self.model);
        let val = self.validate(model)?.map(|(features, ..)| features);
        checkpoints.remove();
        Ok(TunedModel {
            weights: model.backbone.to_weights()?,
            proof: self.frozen.prove(&model.backbone)?,
            head: Head::from_tensors(model.head.config(), copies(&model.head)?.into_iter().collect())?,
            images_per_second: self.history.n_photos as f64 / self.history.total_seconds.max(1e-9),
            history: self.history.records,
            val,
            stopped_early,
        })
    }
}

/// What moves in an epoch: of what may, the last stage first, and one more every so many epochs.
fn trained_in(epoch: usize, layers: &[LayerInfo], trained: &[bool], options: &TrainOptions) -> Vec<bool> {
    let last = layers.last().map_or(0, |layer| layer.stage);
    let first = match options.unfreeze_every {
        0 => 0,
        every => last.saturating_sub(epoch / every),
    };
    layers.iter().zip(trained).map(|(layer, &trained)| trained && layer.stage >= first).collect()
}
