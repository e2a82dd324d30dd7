//! Options, checked once and together.

mod checks;

use tch::Device;
use tl_backbone::{Precision, Preprocessing, Spec, Weights, spec};
use tl_data::{Augment, Fit, n_threads};
use tl_features::ExtractOptions;
use tl_head::HeadConfig;

use self::checks::{checks, no_integers};
use crate::{
    error::TrainError,
    freeze::Freeze,
    options::{HeadKind, NormKind, PrecisionChoice, TrainOptions},
    recipe::Recipe,
};

/// Options that were checked against each other; what a run goes by.
#[derive(Debug, Clone)]
pub struct Plan {
    options: TrainOptions,
    spec: &'static Spec,
    precision: Precision,
    /// Where whole batches are computed as one graph, instead of in parts by workers on the processor.
    device: Option<Device>,
    augment: Augment,
    freeze: Freeze,
}

impl Plan {
    /// Checks the options, each by itself and beside the others.
    ///
    /// # Errors
    /// [`TrainError::Options`] lists every problem at once.
    pub fn new(mut options: TrainOptions) -> Result<Self, TrainError> {
        options.spell_views_out();
        let mut problems = Vec::new();
        let spec = spec(&options.backbone).map_err(|e| problems.push(e.to_string())).ok();
        problems.extend(checks(&options).into_iter().filter(|(ok, _)| !ok).map(|(_, problem)| problem));
        problems.extend(options.optimizer_config().problems());
        let augment = options.augment.parse().map_err(|e: tl_data::DataError| problems.push(e.to_string())).ok();
        let freeze = Freeze::parse(&options.freeze).map_err(|problem| problems.push(problem)).ok();
        if let (Some(spec), Some(freeze), true) = (spec, &freeze, options.recipe != Recipe::Features) {
            problems.extend(freeze.problem(&options.freeze, spec));
        }
        problems.extend(spec.and_then(|spec| no_integers(&options, spec)));
        options.spell_optimizer_out();
        match (spec, augment, freeze, problems.is_empty()) {
            (Some(spec), Some(augment), Some(freeze), true) => {
                let precision = options.precision.resolve(options.recipe != Recipe::Features);
                Ok(Self { precision, device: None, spec, augment, freeze, options })
            }
            _ => Err(TrainError::Options { problems }),
        }
    }

    /// The same plan for a processor that fine-tunes as a GPU does, a whole batch as one graph: slower, and to other bits,
    /// but it shows on any machine what a GPU will do.
    #[must_use]
    pub fn as_on_gpu(mut self) -> Self {
        self.device = Some(Device::Cpu);
        self
    }

    /// The same plan for a backbone on `device`, in an arithmetic that it has.
    ///
    /// # Errors
    /// [`TrainError::Options`] for a precision that the device, or the settings on it, cannot have.
    pub fn on(mut self, device: Device) -> Result<Self, TrainError> {
        let cannot = |problem: &str| Err(TrainError::Options { problems: vec![problem.to_owned()] });
        let by_batch = self.device.is_none() && self.options.normalises_by_batch();
        match (device, self.options.precision) {
            (Device::Cpu, PrecisionChoice::F16) => {
                return cannot("precision is f16, which only GPUs compute in; use bf16 or f32, or set device to cuda");
            }
            (Device::Cpu, PrecisionChoice::Bf16) if by_batch => {
                return cannot(
                    "precision is bf16, but where batch_norm is batch, as in the recipes notebook and scratch, processors \
                     train in f32; use f32, set batch_norm to frozen, or choose another device",
                );
            }
            (Device::Cpu, PrecisionChoice::Auto) if by_batch => {
                self.precision = Precision::F32;
                return Ok(self);
            }
            (Device::Cpu, _) => return Ok(self),
            (_, PrecisionChoice::Int16 | PrecisionChoice::Int8) => {
                let name = self.precision.name();
                let problem =
                    format!("precision is {name}, which only processors compute in; set device to cpu, or use bf16");
                return cannot(&problem);
            }
            (_, PrecisionChoice::Auto) => self.precision = Precision::F32,
            (..) => {}
        }
        self.device = Some(device);
        Ok(self)
    }

    /// Where whole batches are computed as one graph, instead of in parts by workers on the processor.
    pub(crate) fn device(&self) -> Option<Device> {
        self.device
    }

    /// Whether the backbone is trained, and not only a head.
    #[must_use]
    pub fn tunes_backbone(&self) -> bool {
        self.options.recipe != Recipe::Features
    }

    /// Whether the backbone is fine-tuned with a head that has learnt nothing yet.
    pub(crate) fn starts_from_random_head(&self) -> bool {
        self.tunes_backbone() && self.options.head_epochs == 0
    }

    /// The same plan for a head on features, before the backbone is fine-tuned with it.
    pub(crate) fn for_head(&self) -> Self {
        let mut plan = self.clone();
        if self.tunes_backbone() {
            plan.options.epochs = self.options.head_epochs;
            plan.options.lr = self.options.usual_head_lr();
            // Early stopping is for what comes after, for which half of the time is left.
            (plan.options.patience, plan.options.target_accuracy) = (0, None);
            plan.options.time_s = self.options.time_s.map(|time| time / 2.0);
            // These are for photos.
            (plan.options.mixup, plan.options.cutmix) = (0.0, 0.0);
        }
        plan
    }

    /// What the network begins with, where `pretrained` are its weights.
    pub(crate) fn starting_weights(&self, pretrained: &Weights) -> Result<Weights, TrainError> {
        Ok(match self.options.pretrained {
            true => pretrained.clone(),
            false => Weights::initial(self.spec, self.options.seed)?,
        })
    }

    /// The same plan with a batch size that was found.
    pub(crate) fn with_batch_size(mut self, batch_size: usize) -> Self {
        self.options.batch_size = batch_size;
        self
    }

    /// The same plan, with class weights that a file cannot change any more.
    pub(crate) fn with_class_weights_bound(mut self) -> Self {
        self.options.class_weights.bind();
        self
    }

    /// The same plan for steps whose rate grows: everything that may move moves from the first one on, none of them is
    /// the last, and photos are not mixed.
    pub(crate) fn for_lr_find(&self) -> Self {
        let mut plan = self.clone();
        (plan.options.mixup, plan.options.cutmix) = (0.0, 0.0);
        (plan.options.unfreeze_every, plan.options.epochs) = (0, usize::MAX);
        plan
    }

    /// Threads that the settings come to.
    pub(crate) fn n_threads(&self) -> usize {
        n_threads(self.options.threads)
    }

    /// How photos become features, without a cache.
    pub(crate) fn extracting(&self) -> ExtractOptions {
        ExtractOptions {
            n_threads: self.options.threads,
            geometry: Some(self.preprocessing().geometry),
            precision: self.precision,
            device: self.device.unwrap_or(Device::Cpu),
            decode: self.options.decode(),
            ..ExtractOptions::default()
        }
    }

    /// How photos become input: the weights' own way, but for what the settings change.
    #[must_use]
    pub fn preprocessing(&self) -> Preprocessing {
        let mut preprocessing = self.spec.preprocessing.clone();
        let geometry = &mut preprocessing.geometry;
        if self.options.side > 0 {
            // As much of the photo as at the weights' own side.
            if let Fit::Crop { short_side } = &mut geometry.fit {
                *short_side = (*short_side * self.options.side).div_ceil(geometry.side);
            }
            geometry.side = self.options.side;
        }
        if self.options.squash {
            geometry.fit = Fit::Squash;
        }
        preprocessing
    }

    /// Arithmetic of fine-tuning: what normalises a batch on the processor is in f32.
    #[must_use]
    pub fn tuning_precision(&self) -> Precision {
        match (self.options.batch_norm, self.device) {
            (NormKind::Batch, None) => Precision::F32,
            _ => self.precision,
        }
    }

    /// Photos that a worker computes at a time. Small parts of a batch give more threads something to do. They cost no
    /// more: an epoch of V2 in f32 takes 19 s of processor time in parts of 4 and 24 in parts of 16, 6 of them the
    /// system's. Where parts go side by side, layer by layer, those of 8 cost 5 % more than those of 16.
    #[must_use]
    pub fn micro_batch(&self) -> usize {
        match (self.options.micro_batch, self.options.batch_norm) {
            (0, NormKind::Batch) => 8,
            (0, NormKind::Frozen) => 4,
            (n, ..) => n,
        }
    }

    /// Changes to the photos while the backbone is trained.
    pub(crate) fn augment(&self) -> &Augment {
        &self.augment
    }

    /// Which layers stay as they are.
    pub(crate) fn freeze(&self) -> &Freeze {
        &self.freeze
    }

    /// The settings.
    #[must_use]
    pub fn options(&self) -> &TrainOptions {
        &self.options
    }

    /// The backbone to use.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// Arithmetic of the backbone.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The head for `n_classes` classes.
    #[must_use]
    pub fn head_config(&self, n_classes: usize) -> HeadConfig {
        let hidden = match self.options.head {
            HeadKind::Mlp => self.options.hidden.clone(),
            HeadKind::Linear | HeadKind::Logistic => Vec::new(),
        };
        HeadConfig { n_features: self.spec.n_features, hidden, n_classes }
    }
}
