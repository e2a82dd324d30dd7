//! Named presets: every setting of a run, from which flags and files differ.

use serde::{Deserialize, Serialize};

use crate::options::{HeadKind, Keep, NormKind, OptimizerKind, PrecisionChoice, Schedule, TrainOptions};

/// What a run does with the backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// The backbone stays frozen; a head learns from its features, which are computed once.
    Features,
    /// A head on features first; then the backbone moves too, stage by stage from the last, earlier stages more
    /// slowly, with `BatchNorm` in inference mode and augmented photos.
    Finetune,
    /// The Keras notebook that `tl` comes from: the first 20 Keras layers frozen, the rest trained with `BatchNorm`
    /// in training mode, three dense layers, Adam at a constant 0.001, 10 epochs, photos squashed to the network's side.
    Notebook,
    /// The same network from random weights, to show what the pretrained ones are worth.
    Scratch,
}

impl Recipe {
    /// The settings of this recipe.
    #[must_use]
    pub fn options(self) -> TrainOptions {
        let base = TrainOptions { recipe: self, ..TrainOptions::default() };
        match self {
            Self::Features => base,
            Self::Finetune => TrainOptions {
                backbone: "mobilenet_v2".to_owned(),
                head: HeadKind::Logistic,
                // The logistic head is fitted; others have to know the classes before anything else moves.
                head_epochs: 10,
                epochs: 4,
                // Clipped steps of gradient descent grow small where there is little to learn, which Adam's do not.
                optimizer: OptimizerKind::Sgd,
                clip_norm: Some(1.0),
                stage_decay: 0.5,
                unfreeze_every: 1,
                schedule: Schedule::OneCycle,
                freeze: "stage:2".to_owned(),
                augment: "light".to_owned(),
                // The fitted head that it begins with is among those to choose from.
                keep: Keep::Best,
                ..base
            },
            Self::Notebook => TrainOptions {
                freeze: "20".to_owned(),
                batch_norm: NormKind::Batch,
                bn_momentum: 0.01,
                squash: true,
                precision: PrecisionChoice::F32,
                lr: 1e-3,
                schedule: Schedule::Constant,
                ..base
            },
            Self::Scratch => TrainOptions {
                pretrained: false,
                lr: 1e-3,
                schedule: Schedule::Constant,
                freeze: "none".to_owned(),
                batch_norm: NormKind::Batch,
                augment: "light".to_owned(),
                precision: PrecisionChoice::F32,
                ..base
            },
        }
    }

    /// The notebook with its two slips: pictures of 223 pixels, and the freezing undone.
    #[must_use]
    pub fn as_published() -> TrainOptions {
        TrainOptions { side: 223, freeze: "none".to_owned(), ..Self::Notebook.options() }
    }
}
