//! What a user may choose of a run.

mod choices;
mod defaults;
mod derived;
mod unused;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::choices::{HeadKind, Keep, LossKind, NormKind, OptimizerKind, PrecisionChoice, Sampler, Schedule};
use crate::{class_weights::ClassWeights, recipe::Recipe};

/// Every setting of a run, as typed; [`crate::Plan::new`] checks them together.
///
/// It reads and writes as TOML, one `key = value` a line: that is a run's `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct TrainOptions {
    /// The training photos: a folder per class, `train/` with `val/`, `valid/` or `test/` beside it, or a list
    /// (`path,label[,split][,group]` as CSV or JSON Lines).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// A folder per class to validate on, instead of a part of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<PathBuf>,
    /// Whether a photo may have several classes, or none: `data` is a list then whose labels may be `a;b`, and the head
    /// answers for each class with yes or no.
    pub multi_label: bool,
    /// The classes to use, in this order; all, sorted, when none are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Labels come from the paths below `data`, by the group `label` of this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_pattern: Option<String>,
    /// Photos that differ in at most so many of 128 edges of their perceptual hash stay on one side of the split;
    /// 0 keeps only equal files together.
    pub near_duplicates: u32,
    /// Fraction of the files that may be left out before the run refuses to start.
    pub max_skipped: f64,
    /// Use what can be decoded of a truncated JPEG.
    pub partial: bool,
    /// Largest width times height of a photo.
    pub max_pixels: u64,
    /// Largest file of a photo.
    pub max_file_bytes: u64,
    /// Most memory that decoding one photo may take.
    pub max_memory_bytes: u64,
    /// Fraction of each class held out for validation when no validation folder is given; 0 for none.
    pub val_fraction: f64,
    /// What is done with the backbone; the other settings' defaults follow from it.
    pub recipe: Recipe,
    /// Name of the pretrained network.
    pub backbone: String,
    /// Whether the backbone starts from its pretrained weights; if not, from random ones.
    pub pretrained: bool,
    /// Side of the pictures in pixels; 0 takes the weights' own.
    pub side: u32,
    /// Squash photos to a square, as Keras does, instead of the weights' own geometry.
    pub squash: bool,
    /// Which layers of the backbone stay as they are when it is fine-tuned: `all`, `none`, `N`, `stage:K` or
    /// `name:REGEX`. `N` freezes what has a Keras index below `N`, `stage:K` the stages before `K`; a convolution and its
    /// `BatchNorm` go together.
    pub freeze: String,
    /// Epochs after which one stage more is trained, from the last on, or several where there are too few epochs for one
    /// at a time; 0 trains all that is not frozen at once.
    pub unfreeze_every: usize,
    /// What `BatchNorm` does in trained layers.
    pub batch_norm: NormKind,
    /// Share of a batch in `BatchNorm`'s moving statistics; Keras's momentum of 0.99 is 0.01 here.
    pub bn_momentum: f64,
    /// Changes to the training photos, a preset or steps, see `tl data preview`: new ones in each epoch while the
    /// backbone is fine-tuned, the same few `views` in all epochs of a head on features.
    pub augment: String,
    /// Epochs of the head on features before the backbone is fine-tuned; 0 starts from a random head.
    pub head_epochs: usize,
    /// Learning rate of the backbone's last stage; 0 takes `lr`.
    pub backbone_lr: f64,
    /// The rate of each earlier stage is this part of the next one's.
    pub stage_decay: f64,
    /// Photos that a worker computes at a time while fine-tuning; 0 takes 4, or 8 with `batch_norm = "batch"`. It
    /// changes the last bits of the result, the number of threads does not.
    pub micro_batch: usize,
    /// Memory in bytes for what the frozen layers make of the training photos while the others are fine-tuned. It is
    /// computed once where photos come up the same in every epoch, which they do without `augment`, `mixup` and
    /// `cutmix`, and all of them fit; 0 computes it anew in each epoch. Not given: a quarter of what is free. It
    /// changes no bit of the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frozen_memory_bytes: Option<u64>,
    /// Steps of fine-tuning after which a checkpoint is written within an epoch; 0 writes them between epochs only.
    pub checkpoint_steps: usize,
    /// Shape of the head.
    pub head: HeadKind,
    /// Hidden sizes of the dense head; a linear head has none.
    pub hidden: Vec<usize>,
    /// Passes over the training photos.
    pub epochs: usize,
    /// Ends the run after so many epochs in a row that are no better than the best on the validation photos; 0 never.
    pub patience: usize,
    /// Seconds that the whole run may take: it trains as many steps as fit, and ends in time with what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_s: Option<f64>,
    /// Ends the run at this fraction of the validation photos classified rightly; before the backbone is fine-tuned, if
    /// its head reaches that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_accuracy: Option<f64>,
    /// Photos per batch; 0 finds a number that fits into memory when the run begins.
    pub batch_size: usize,
    /// Batches whose gradients make one step of the optimizer. Where a batch can be cut, which is everywhere but with
    /// `batch_norm = "batch"`, this is the same as batches so many times larger.
    pub accumulate: usize,
    /// Which photos an epoch has.
    pub sampler: Sampler,
    /// What moves the parameters along their gradients.
    pub optimizer: OptimizerKind,
    /// With `sgd` and `rmsprop`: decay of the running sum of gradients, 0 (none) or more and below 1; 0.9 when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    /// With `sgd`: whether to look one step ahead along the momentum; when not set, where there is any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    /// With `adam`, `adamw` and `lion`: decay of the mean of gradients, for `lion` its share in a step's direction, 0 or
    /// more and below 1; 0.9 when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta1: Option<f64>,
    /// With `adam` and `adamw`: decay of the mean of squared gradients, with `lion` of the momentum, 0 or more and below 1;
    /// 0.999, and 0.99 with `lion`, when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beta2: Option<f64>,
    /// With `adam`, `adamw` and `rmsprop`: what keeps the division by the root of the squared gradients finite; `adam` adds
    /// it where Keras does, before that root is corrected for its first steps. 1e-7 with `adam` and else 1e-8 when not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// Decay of weights, biases and norms spared; the optimizer's own (0.01 for `adamw` and `lion`, else 0) when not
    /// set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    /// Longest Euclidean norm of a step's gradients; longer ones are shortened to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    /// Largest absolute value of each number of a step's gradients; larger ones are cut to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_value: Option<f64>,
    /// Decay of an exponential moving average of the weights, 0 or more and below 1 (0.99 for hundreds of steps). The
    /// average is what is validated and kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ema_decay: Option<f64>,
    /// Highest learning rate; 0 takes what suits recipe, optimizer and head, see [`TrainOptions::usual_lr`].
    pub lr: f64,
    /// What becomes of the learning rate.
    pub schedule: Schedule,
    /// With `schedule = "step"`: what the learning rate is multiplied by, above 0 and below 1.
    pub step_factor: f64,
    /// With `schedule = "step"`: how often that is done, in even parts of the run.
    pub step_drops: usize,
    /// With `schedule = "plateau"`: what the learning rate is multiplied by, above 0 and below 1.
    pub plateau_factor: f64,
    /// With `schedule = "plateau"`: epochs that may be no better than the best before the rate is cut.
    pub plateau_patience: usize,
    /// Fraction of the steps in which the learning rate grows to its highest before the schedule begins.
    pub warmup: f64,
    /// `MixUp`: alpha of the Beta distribution of how two photos (for heads: two rows of features) are mixed; 0 for none,
    /// 0.2 is usual.
    pub mixup: f64,
    /// `CutMix`, while the backbone is trained: alpha of the distribution of the area that one photo has over another;
    /// 0 for none, 1 is usual. With `mixup` too, batches take turns by chance.
    pub cutmix: f64,
    /// What is made small.
    pub loss: LossKind,
    /// With `loss = "focal"`: how much less photos count that the model is sure of, above 0.
    pub focal_gamma: f64,
    /// Probability mass that the labels give to the other classes, 0 to 1.
    pub label_smoothing: f64,
    /// What an example of each class counts: `none` (all alike), `balanced` (every class alike), or a CSV file
    /// `class,weight` that names every class.
    pub class_weights: ClassWeights,
    /// Augmented views of each training photo that are kept as features beside its own; each epoch draws one of them
    /// for each photo. Not given: 4 where `augment` names a policy and the backbone stays frozen, else 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    /// Which epoch's weights are kept.
    pub keep: Keep,
    /// Seed of the split, of the head's first weights and of the order of photos.
    pub seed: u64,
    /// Arithmetic of the frozen backbone.
    pub precision: PrecisionChoice,
    /// Worker threads; 0 takes one per core.
    pub threads: usize,
    /// Where to compute: `cpu`, `cuda`, `cuda:N`, or `auto`, which takes a GPU, if there is one, for recipes that train
    /// the backbone, and the processor where it is frozen. A run holds what `auto` came to.
    pub device: String,
}
