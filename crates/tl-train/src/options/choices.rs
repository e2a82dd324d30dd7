//! What a setting may be, where there are a few names for it.

use serde::{Deserialize, Serialize};
use tl_backbone::Precision;

/// What `BatchNorm` does in trained layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NormKind {
    /// It normalises by its pretrained statistics, which stay.
    Frozen,
    /// It normalises by the batch and moves its statistics towards it. The batch cannot be cut then, and a processor
    /// computes in f32.
    Batch,
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
    /// It rises from a 25th in three tenths of the run, and sinks to almost nothing in the rest.
    OneCycle,
    /// It is cut to `step_factor` of itself `step_drops` times, after equal parts of the run.
    Step,
    /// It is cut where the validation loss has not sunk for some epochs (PyTorch's `ReduceLROnPlateau`).
    Plateau,
}

/// Which photos an epoch has; it has as many as there are training photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sampler {
    /// Each photo once.
    Shuffle,
    /// Each class equally often: photos of small classes come up several times, of large ones others each epoch.
    Balanced,
}

/// What moves the parameters along their gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Adam with Keras's constants; its weight decay is decoupled.
    Adam,
    /// Adam with PyTorch's constants and decoupled weight decay.
    AdamW,
    /// Gradient descent, by default with a Nesterov momentum of 0.9; its usual learning rate is 0.01.
    Sgd,
    /// `RMSprop`, by default with a momentum of 0.9; its usual learning rate is 1e-4.
    RmsProp,
    /// Lion; its usual learning rate is 1e-4.
    Lion,
}

/// What training makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// Cross-entropy.
    CrossEntropy,
    /// The focal loss (Lin et al. 2017): photos that the model is sure of count less.
    Focal,
}

/// Which epoch is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keep {
    /// The last one. The validation photos had no say in it, so that their accuracy is an honest estimate.
    Last,
    /// The one with the best validation accuracy, the lower loss deciding ties; this flatters the accuracy. In
    /// fine-tuning the head that it begins with is one of them, so that it never ends worse than it began.
    Best,
}

/// Arithmetic of the backbone, as asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// The fastest as a rule that is as exact as bf16 at least: of int16, bf16 and f32 where the backbone stays as it is, of
    /// the latter two where it is trained. On a GPU f32: its 16 bits round all layers; and where `BatchNorm` is trained in
    /// training mode.
    Auto,
    /// 32-bit floats.
    F32,
    /// bfloat16 with 32-bit sums.
    Bf16,
    /// 16-bit floats, on GPUs only; fine-tuning then scales its loss.
    F16,
    /// Whole numbers of 16 bits, whose sums are exact.
    Int16,
    /// Bytes with 32-bit sums.
    Int8,
}

impl PrecisionChoice {
    /// What to compute with on this machine's processor, in a backbone that is trained or not.
    #[must_use]
    pub fn resolve(self, is_trained: bool) -> Precision {
        match self {
            Self::Auto if is_trained => Precision::auto_for_training(),
            Self::Auto => Precision::auto(),
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
            Self::F16 => Precision::F16,
            Self::Int16 => Precision::Int16,
            Self::Int8 => Precision::Int8,
        }
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::F16 => Self::F16,
            Precision::Int16 => Self::Int16,
            Precision::Int8 => Self::Int8,
        }
    }
}
