//! What holds where nothing is said: the recipe `features`.

use tl_data::Limits;

use super::{HeadKind, Keep, LossKind, NormKind, OptimizerKind, PrecisionChoice, Sampler, Schedule, TrainOptions};
use crate::{class_weights::ClassWeights, recipe::Recipe};

impl Default for TrainOptions {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            data: None,
            val: None,
            multi_label: false,
            classes: None,
            label_pattern: None,
            near_duplicates: 10,
            max_skipped: 0.2,
            partial: false,
            max_pixels: limits.max_pixels,
            max_file_bytes: limits.max_file_bytes,
            max_memory_bytes: limits.max_memory_bytes,
            val_fraction: 0.2,
            recipe: Recipe::Features,
            backbone: "mobilenet_v1".to_owned(),
            pretrained: true,
            side: 0,
            squash: false,
            freeze: "all".to_owned(),
            unfreeze_every: 0,
            batch_norm: NormKind::Frozen,
            bn_momentum: 0.1,
            augment: "none".to_owned(),
            head_epochs: 0,
            backbone_lr: 1e-3,
            stage_decay: 1.0,
            micro_batch: 0,
            frozen_memory_bytes: None,
            checkpoint_steps: 0,
            head: HeadKind::Mlp,
            hidden: vec![1024, 1024, 512],
            epochs: 10,
            patience: 0,
            time_s: None,
            target_accuracy: None,
            batch_size: 32,
            accumulate: 1,
            sampler: Sampler::Shuffle,
            lr: 0.0,
            optimizer: OptimizerKind::Adam,
            weight_decay: None,
            clip_norm: None,
            clip_value: None,
            ema_decay: None,
            schedule: Schedule::Cosine,
            plateau_factor: 0.1,
            plateau_patience: 2,
            warmup: 0.0,
            mixup: 0.0,
            cutmix: 0.0,
            loss: LossKind::CrossEntropy,
            focal_gamma: 2.0,
            label_smoothing: 0.0,
            class_weights: ClassWeights::None,
            views: None,
            keep: Keep::Last,
            seed: 0,
            precision: PrecisionChoice::Auto,
            threads: 0,
            device: "auto".to_owned(),
        }
    }
}
