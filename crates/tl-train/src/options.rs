//! What a user may choose of a run.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tl_backbone::Precision;
use tl_data::{DecodeOptions, Limits};

/// Every setting of a run, as typed; [`crate::Plan::new`] checks them together.
///
/// It reads and writes as TOML, one `key = value` a line: that is a run's `config.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainOptions {
    /// The training photos: a folder per class, `train/` with `val/`, `valid/` or `test/` beside it, or a list
    /// (`path,label[,split][,group]` as CSV or JSON Lines).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<PathBuf>,
    /// A folder per class to validate on, instead of a part of `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub val: Option<PathBuf>,
    /// The classes to use, in this order; all, sorted, when none are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes: Option<Vec<String>>,
    /// Labels come from the paths below `data`, by the group `label` of this regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_pattern: Option<String>,
    /// Photos that differ in at most so many of 128 bits of their perceptual hash stay on one side of the split;
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
    /// Name of the pretrained network.
    pub backbone: String,
    /// Shape of the head.
    pub head: HeadKind,
    /// Hidden sizes of the dense head; a linear head has none.
    pub hidden: Vec<usize>,
    /// Passes over the training photos.
    pub epochs: usize,
    /// Photos per step.
    pub batch_size: usize,
    /// Learning rate of Adam, at its first step.
    pub lr: f64,
    /// What becomes of the learning rate.
    pub schedule: Schedule,
    /// Probability mass that the labels give to the other classes, 0 to 1.
    pub label_smoothing: f64,
    /// Whether rare classes weigh more.
    pub class_weights: ClassWeights,
    /// Which epoch's head is kept.
    pub keep: Keep,
    /// Seed of the split, of the head's first weights and of the order of photos.
    pub seed: u64,
    /// Arithmetic of the frozen backbone.
    pub precision: PrecisionChoice,
    /// Worker threads; 0 takes one per core.
    pub threads: usize,
    /// Where to compute: `auto`, `cpu`, `cuda` or `cuda:N`.
    pub device: String,
}

impl Default for TrainOptions {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            data: None,
            val: None,
            classes: None,
            label_pattern: None,
            near_duplicates: 10,
            max_skipped: 0.2,
            partial: false,
            max_pixels: limits.max_pixels,
            max_file_bytes: limits.max_file_bytes,
            max_memory_bytes: limits.max_memory_bytes,
            val_fraction: 0.2,
            backbone: "mobilenet_v1".to_owned(),
            head: HeadKind::Mlp,
            hidden: vec![1024, 1024, 512],
            epochs: 10,
            batch_size: 32,
            lr: 1e-3,
            schedule: Schedule::Constant,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            keep: Keep::Last,
            seed: 0,
            precision: PrecisionChoice::Auto,
            threads: 0,
            device: "auto".to_owned(),
        }
    }
}

impl TrainOptions {
    /// Limits and tolerance of decoding.
    #[must_use]
    pub fn decode(&self) -> DecodeOptions {
        let Self { max_pixels, max_file_bytes, max_memory_bytes, partial, .. } = *self;
        DecodeOptions { limits: Limits { max_pixels, max_file_bytes, max_memory_bytes }, partial }
    }
}

/// Shape of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadKind {
    /// Dense layers with relu between, of the sizes in `hidden`.
    Mlp,
    /// One dense layer.
    Linear,
    /// One dense layer, fitted straight to its optimum with a penalty chosen by cross-validation; it takes no
    /// epochs, steps or learning rate.
    Logistic,
}

/// What becomes of the learning rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// It sinks to zero along half a cosine.
    Cosine,
}

/// Weights of the classes in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Every photo counts the same.
    None,
    /// Every class counts the same.
    Balanced,
}

/// Which epoch's head is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The last one. The validation photos had no say in it, so that their accuracy is an honest estimate.
    Last,
    /// The one with the best validation accuracy, the lower loss deciding ties; this flatters the accuracy.
    Best,
}

/// Arithmetic of the frozen backbone, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// bf16 where the processor computes in it, else f32.
    Auto,
    /// 32-bit floats.
    F32,
    /// bfloat16 with 32-bit sums.
    Bf16,
}

impl PrecisionChoice {
    /// What to compute with on this machine.
    #[must_use]
    pub fn resolve(self) -> Precision {
        match self {
            Self::Auto => Precision::auto(),
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
        }
    }
}
