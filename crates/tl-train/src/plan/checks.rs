//! What is wrong with settings, each by itself and beside the others.

use tl_backbone::Spec;
use tl_data::is_list;

use crate::{
    class_weights::ClassWeights,
    options::{HeadKind, LossKind, PrecisionChoice, Sampler, Schedule, TrainOptions},
    recipe::Recipe,
};

/// Why the backbone cannot compute in whole numbers, if it is to.
pub(super) fn no_integers(o: &TrainOptions, spec: &Spec) -> Option<String> {
    let has_form = match o.precision {
        PrecisionChoice::Int16 => true,
        PrecisionChoice::Int8 => spec.has_int8(),
        _ => return None,
    };
    let problem = match (o.recipe, has_form) {
        (Recipe::Features, true) => return None,
        (Recipe::Features, false) => format!("{} has no form in bytes", spec.name),
        _ => "whole numbers have no gradients, and only --recipe features does without".to_owned(),
    };
    let name = o.precision.resolve(false).name();
    let instead = if o.recipe == Recipe::Features { "int16, bf16 or f32" } else { "bf16 or f32" };
    Some(format!("precision is {name}, but {problem}; use {instead}"))
}

/// Whether it is above 0, and a number in f32 too, in which it is used.
fn is_positive(value: f64) -> bool {
    value > 0.0 && value <= f64::from(f32::MAX)
}

/// Each condition with the sentence that says how it was broken.
pub(super) fn checks(o: &TrainOptions) -> Vec<(bool, String)> {
    let of_labels = if o.multi_label { checks_of_several_labels(o) } else { Vec::new() };
    [checks_of_steps(o), checks_of_the_rest(o), of_labels].concat()
}

/// What is not known, or has no one meaning, where a photo may have several classes.
fn checks_of_several_labels(o: &TrainOptions) -> Vec<(bool, String)> {
    let says = |ok: bool, problem: &str| (ok, format!("multi_label is set, but {problem}"));
    let is_listed = o.data.as_deref().is_none_or(is_list) && o.val.is_none() && o.label_pattern.is_none();
    vec![
        says(
            is_listed,
            "a folder or a pattern gives each photo one class; give a list that ends in .csv or .jsonl, its validation \
             photos in the column `split`",
        ),
        says(o.loss == LossKind::CrossEntropy, "the loss is then binary cross-entropy; leave loss as it is"),
        says(
            o.class_weights == ClassWeights::None,
            "class weights have no one meaning for classes that come together; leave class_weights out",
        ),
        says(
            o.sampler == Sampler::Shuffle,
            "a photo of several classes cannot show each of them equally often; leave sampler out",
        ),
    ]
}

/// What a step of the optimizer goes by.
fn checks_of_steps(o: &TrainOptions) -> Vec<(bool, String)> {
    let is_alpha = |alpha: f64| alpha == 0.0 || (0.05..=4.0).contains(&alpha);
    let is_fitted = o.recipe == Recipe::Features && o.head == HeadKind::Logistic;
    vec![
        (
            (0.0..1.0).contains(&o.warmup),
            format!("warmup is {}, but it is a fraction of the steps: 0 or more, below 1", o.warmup),
        ),
        (
            o.warmup == 0.0 || o.schedule != Schedule::OneCycle,
            "warmup is set, but the schedule onecycle has a warm-up of its own; leave it out".to_owned(),
        ),
        (
            o.clip_norm.is_none_or(is_positive),
            format!("clip_norm is {:?}, but it must be above 0 (1 is usual)", o.clip_norm.unwrap_or_default()),
        ),
        (
            o.clip_value.is_none_or(is_positive),
            format!("clip_value is {:?}, but it must be above 0", o.clip_value.unwrap_or_default()),
        ),
        (
            o.ema_decay.is_none_or(|decay| (0.0..1.0).contains(&decay)),
            format!(
                "ema_decay is {}, but it must be 0 or more and below 1 (0.99 is usual)",
                o.ema_decay.unwrap_or_default()
            ),
        ),
        (is_alpha(o.mixup), format!("mixup is {}, but it must be 0 (none) or from 0.05 to 4 (0.2 is usual)", o.mixup)),
        (is_alpha(o.cutmix), format!("cutmix is {}, but it must be 0 (none) or from 0.05 to 4 (1 is usual)", o.cutmix)),
        (
            o.cutmix == 0.0 || o.recipe != Recipe::Features,
            "cutmix cuts photos, and --recipe features trains on features; use mixup, or another recipe".to_owned(),
        ),
        (o.accumulate > 0, "accumulate is 0; 1 takes a step after each batch".to_owned()),
        (
            o.step_factor > 0.0 && o.step_factor < 1.0,
            format!("step_factor is {}, but it must be above 0 and below 1 (0.1 is usual)", o.step_factor),
        ),
        (
            (1..1000).contains(&o.step_drops),
            format!("step_drops is {}, but it must be from 1 to 999 (2 is usual)", o.step_drops),
        ),
        (
            o.plateau_factor > 0.0 && o.plateau_factor < 1.0,
            format!("plateau_factor is {}, but it must be above 0 and below 1 (0.1 is usual)", o.plateau_factor),
        ),
        (
            o.sampler == Sampler::Shuffle || o.class_weights != ClassWeights::Balanced,
            "sampler and class_weights are both balanced, which would count rare classes twice; choose one".to_owned(),
        ),
        (
            !is_fitted || (o.sampler == Sampler::Shuffle && o.ema_decay.is_none() && o.mixup == 0.0),
            "sampler, ema_decay and mixup are for heads that take steps, and a logistic head is fitted; use --head linear"
                .to_owned(),
        ),
        (
            o.loss == LossKind::CrossEntropy || !is_fitted,
            "loss is focal, but a logistic head is fitted to cross-entropy; use --head linear, or leave the loss"
                .to_owned(),
        ),
    ]
}

fn checks_of_the_rest(o: &TrainOptions) -> Vec<(bool, String)> {
    vec![
        (
            (0.0..1.0).contains(&o.val_fraction),
            format!("val_fraction is {}, but it is a fraction: 0 or more, below 1", o.val_fraction),
        ),
        (
            o.near_duplicates <= 64,
            format!(
                "near_duplicates is {}, but photos that differ in more than 64 of 128 edges are not alike (10 is usual)",
                o.near_duplicates
            ),
        ),
        (
            (0.0..=1.0).contains(&o.max_skipped),
            format!("max_skipped is {}, but it is a fraction from 0 to 1", o.max_skipped),
        ),
        (
            (1..=1_000_000).contains(&o.epochs),
            format!("epochs is {}, but it must be from 1 to 1000000 (10 is usual)", o.epochs),
        ),
        (
            o.time_s.is_none_or(|time| time.is_finite() && time > 0.0),
            format!("time_s is {:?}, but a run needs some seconds", o.time_s.unwrap_or_default()),
        ),
        (
            o.target_accuracy.is_none_or(|target| target > 0.0 && target <= 1.0),
            format!(
                "target_accuracy is {}, but it is a fraction: above 0, at most 1 (0.95 is 95 %)",
                o.target_accuracy.unwrap_or_default()
            ),
        ),
        (
            o.lr == 0.0 || is_positive(o.lr),
            format!("lr is {}, but it must be above 0 ({} is usual), or 0 for the usual one", o.lr, o.usual_lr()),
        ),
        (
            (0.0..1.0).contains(&o.label_smoothing),
            format!("label_smoothing is {}, but it must be 0 or more and below 1", o.label_smoothing),
        ),
        (is_positive(o.focal_gamma), format!("focal_gamma is {}, but it must be above 0 (2 is usual)", o.focal_gamma)),
        (
            o.backbone_lr == 0.0 || is_positive(o.backbone_lr),
            format!("backbone_lr is {}, but it must be above 0, or 0 for that of lr", o.backbone_lr),
        ),
        (
            o.stage_decay > 0.0 && o.stage_decay <= 1.0,
            format!("stage_decay is {}, but it must be above 0 and at most 1", o.stage_decay),
        ),
        (
            (0.0..=1.0).contains(&o.bn_momentum),
            format!("bn_momentum is {}, but it is a share from 0 to 1", o.bn_momentum),
        ),
        (
            o.side == 0 || (32..=1024).contains(&o.side),
            format!("side is {}, but it must be 0 (the weights' own) or from 32 to 1024", o.side),
        ),
        (
            o.hidden.iter().all(|n| (1..=65_536).contains(n)),
            format!("hidden is {:?}, but each size must be from 1 to 65536", o.hidden),
        ),
        (
            o.views.is_none_or(|n| n <= 64),
            format!("views is {}, but more than 64 of each photo teach nothing new", o.views.unwrap_or(0)),
        ),
        (
            o.views.unwrap_or(0) == 0 || o.augment != "none",
            format!(
                "views is {}, but augment is none, and views that do not differ teach nothing",
                o.views.unwrap_or(0)
            ),
        ),
        (o.threads <= 1024, format!("threads is {}, more than any machine has; 0 takes one per core", o.threads)),
    ]
}
