//! What settings come to together.

use std::collections::BTreeMap;

use tl_data::{DecodeOptions, Limits};
use tl_head::LossOptions;

use super::{HeadKind, LossKind, NormKind, OptimizerKind, TrainOptions};
use crate::{
    error::TrainError,
    gradients::Clipping,
    optimizer::{AdamConfig, LionConfig, OptimizerConfig, RmsPropConfig, SgdConfig},
    recipe::Recipe,
};

/// What views are when no policy was named: parts of the photo of at least 70 % of its area, and its mirror image.
const POLICY: &str = "light";

/// Adam's learning rate for a linear head.
const LINEAR_LR: f64 = 5e-3;

impl TrainOptions {
    /// The learning rate that suits the recipe and the optimizer.
    ///
    /// Fine-tuning begins near its end: the clipped steps of gradient descent grow small there by themselves, those of
    /// the other optimizers have the length of the rate.
    #[must_use]
    pub fn usual_lr(&self) -> f64 {
        match (self.recipe, self.optimizer) {
            (Recipe::Finetune, OptimizerKind::Sgd) => 1e-3,
            (Recipe::Finetune, OptimizerKind::Lion) => 3e-6,
            // Its momentum makes ten steps of each.
            (Recipe::Finetune, OptimizerKind::RmsProp) => 1e-6,
            (Recipe::Finetune, _) => 1e-5,
            _ => self.usual_head_lr(),
        }
    }

    /// The learning rate of a head on features that suits the optimizer, and with Adam the head.
    ///
    /// Adam moves every weight by about the rate, so that what a layer says moves by the rate times its width: the
    /// rate falls with the widest layer (Yang et al. 2022, arXiv:2203.03466), from that of a linear head. The
    /// measurements are in the README of this crate.
    #[must_use]
    pub fn usual_head_lr(&self) -> f64 {
        let widest = self.hidden.iter().copied().max().filter(|_| self.head == HeadKind::Mlp);
        match self.optimizer {
            OptimizerKind::Adam | OptimizerKind::AdamW => match widest {
                Some(width) => (3e-4 * 1024.0 / width as f64).min(LINEAR_LR),
                None => LINEAR_LR,
            },
            OptimizerKind::Sgd => 1e-2,
            OptimizerKind::RmsProp | OptimizerKind::Lion => 1e-4,
        }
    }

    /// Whether `BatchNorm` is trained in training mode, for which processors have f32 alone.
    #[must_use]
    pub fn normalises_by_batch(&self) -> bool {
        self.recipe != Recipe::Features && self.batch_norm == NormKind::Batch
    }

    /// The optimizer with its constants.
    pub(crate) fn optimizer_config(&self) -> OptimizerConfig {
        let momentum = self.momentum.unwrap_or(0.9);
        let mut config = match self.optimizer {
            OptimizerKind::Adam => OptimizerConfig::adam_keras(),
            OptimizerKind::AdamW => OptimizerConfig::adamw(0.01),
            OptimizerKind::Sgd => OptimizerConfig::sgd(momentum, self.nesterov.unwrap_or(momentum > 0.0)),
            OptimizerKind::RmsProp => OptimizerConfig::rmsprop(momentum),
            OptimizerKind::Lion => OptimizerConfig::lion(0.01),
        };
        config.set_betas(self.beta1, self.beta2);
        config.set_epsilon(self.epsilon);
        if let Some(weight_decay) = self.weight_decay {
            config.set_weight_decay(weight_decay);
        }
        config
    }

    /// Puts down the rates and the optimizer's constants where they were not given, for who reads the settings.
    pub(crate) fn spell_optimizer_out(&mut self) {
        if self.lr == 0.0 {
            self.lr = self.usual_lr();
        }
        if self.backbone_lr == 0.0 && self.recipe != Recipe::Features {
            self.backbone_lr = self.lr;
        }
        let config = self.optimizer_config();
        self.weight_decay = Some(config.weight_decay());
        self.epsilon = config.epsilon();
        match config {
            OptimizerConfig::Adam(AdamConfig { beta1, beta2, .. })
            | OptimizerConfig::Lion(LionConfig { beta1, beta2, .. }) => {
                (self.beta1, self.beta2) = (Some(beta1), Some(beta2));
            }
            OptimizerConfig::Sgd(SgdConfig { momentum, nesterov, .. }) => {
                (self.momentum, self.nesterov) = (Some(momentum), Some(nesterov));
            }
            OptimizerConfig::RmsProp(RmsPropConfig { momentum, .. }) => self.momentum = Some(momentum),
        }
    }

    /// Puts down what views of photos are when they were asked for without saying how they differ.
    pub(crate) fn spell_views_out(&mut self) {
        if self.recipe == Recipe::Features && self.augment == "none" && self.views.is_some_and(|n| n > 0) {
            POLICY.clone_into(&mut self.augment);
        }
    }

    /// Bounds on the gradients of a step.
    pub(crate) fn clipping(&self) -> Clipping {
        Clipping { norm: self.clip_norm, value: self.clip_value }
    }

    /// Settings of a run that is gone on with that may be others than before: when it ends, where it computes, and where
    /// the same photos lie now, which are known by their content. All else was in force for the steps that are done, and
    /// the record would not be true any more.
    pub const OPEN_WHEN_RESUMED: [&str; 9] =
        ["epochs", "time_s", "patience", "target_accuracy", "checkpoint_steps", "threads", "device", "data", "val"];

    /// The others, as text.
    pub(crate) fn fixed_when_resumed(&self) -> BTreeMap<String, String> {
        let Ok(serde_json::Value::Object(all)) = serde_json::to_value(self) else { return BTreeMap::new() };
        let fixed = all.into_iter().filter(|(name, _)| !Self::OPEN_WHEN_RESUMED.contains(&name.as_str()));
        fixed.map(|(name, value)| (name, value.to_string())).collect()
    }

    /// Photos that a step of the optimizer looks at.
    pub(crate) fn photos_per_step(&self) -> usize {
        self.batch_size.saturating_mul(self.accumulate)
    }

    /// Fails where a run that is gone on with is to have fewer epochs than are done or begun.
    pub(crate) fn check_epochs_left(&self, done: usize, steps: usize) -> Result<(), TrainError> {
        let least = done + usize::from(steps > 0);
        if self.epochs >= least {
            return Ok(());
        }
        let problem = format!("epochs is {}, but {least} are done or begun; give at least {least}", self.epochs);
        Err(TrainError::Options { problems: vec![problem] })
    }

    /// The loss, with the class weights that the options and the photos come to.
    pub(crate) fn loss_options(&self, class_weights: Option<Vec<f32>>) -> LossOptions {
        let focal_gamma = match self.loss {
            LossKind::CrossEntropy => 0.0,
            LossKind::Focal => self.focal_gamma,
        };
        LossOptions { class_weights, label_smoothing: self.label_smoothing, focal_gamma }
    }

    /// Limits and tolerance of decoding.
    #[must_use]
    pub fn decode(&self) -> DecodeOptions {
        let Self { max_pixels, max_file_bytes, max_memory_bytes, partial, .. } = *self;
        DecodeOptions { limits: Limits { max_pixels, max_file_bytes, max_memory_bytes }, partial }
    }
}
