//! The learning-rate finder: a short run whose rate grows until the loss does.

mod curve;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use tch::{Device, Tensor};
use tl_backbone::Weights;
use tl_features::{Cache, ExtractOptions, FeatureError, extract};
use tl_head::{Head, LossOptions};

pub use self::curve::{LrCurve, LrPoint};
use crate::{
    data::Data,
    descent::{Batch, Descent},
    error::TrainError,
    event::{Event, Observer},
    head_run::Table,
    options::HeadKind,
    order::order,
    plan::Plan,
    run::{check_classes, check_skipped, labels, table},
};

/// Lowest and highest rate that are tried.
const FIRST: f64 = 1e-7;
const LAST: f64 = 10.0;

/// What the finder works on.
#[derive(Debug)]
pub struct LrFindInputs {
    /// The checked settings: head, optimizer, loss, batches. Its learning rate, schedule and mixing are not looked at.
    pub plan: Plan,
    /// The photos; those of the validation are left alone.
    pub data: Data,
    /// The pretrained network.
    pub weights: Weights,
    /// Where the backbone runs.
    pub device: Device,
    /// Features that are known already, and where new ones are kept.
    pub cache: Option<Cache>,
}

/// Trains a new head on the photos' features for at most `n_steps` steps, the rate growing exponentially from 1e-7 to
/// 10, until the smoothed loss is four times its lowest (Smith 2017, arXiv:1506.01186).
///
/// None when `stop` was set. Recipes that train the backbone, and heads that are fitted, are errors.
pub fn lr_find(
    inputs: &LrFindInputs,
    n_steps: usize,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Option<LrCurve>, TrainError> {
    let LrFindInputs { plan, data, weights, device, cache } = inputs;
    let options = plan.options();
    check(plan, n_steps)?;
    let file_weights = options.class_weights.read(&data.classes)?;
    let photos: Vec<PathBuf> = data.train.iter().map(|sample| sample.path.clone()).collect();
    let extracting = ExtractOptions { device: *device, cache: cache.clone(), ..plan.extracting() };
    let mut progress = |n_done| observer.event(&Event::Extracting { n_done, n_total: photos.len() });
    let (features, broken) = match extract(weights, &photos, &extracting, &mut progress, stop) {
        Err(FeatureError::Stopped { .. }) => return Ok(None),
        result => result?,
    };
    let labels = labels(&features, &data.train);
    let skipped: Vec<_> = data.skipped.iter().cloned().chain(broken).collect();
    check_skipped(&skipped, labels.len(), options.max_skipped)?;
    check_classes(data, &labels, &skipped)?;
    tl_torch::set_intra_op_threads(1);
    let table = table(&features.rows, features.width, &labels, data)?;
    let counts = data.count(labels.iter().copied());
    let loss = options.loss_options(options.class_weights.of(&counts, file_weights));
    steps(plan, &table, &loss, data.classes.len(), n_steps, stop)
}

fn check(plan: &Plan, n_steps: usize) -> Result<(), TrainError> {
    let mut problems = Vec::new();
    if plan.tunes_backbone() {
        problems.push("the learning-rate finder trains heads on features; leave the recipe at features".to_owned());
    } else if plan.options().head == HeadKind::Logistic {
        problems.push("a logistic head is fitted without a learning rate; use --head mlp or linear".to_owned());
    }
    if n_steps < 10 {
        problems.push(format!("{n_steps} steps make no curve; take at least 10 (100 is usual)"));
    }
    if problems.is_empty() { Ok(()) } else { Err(TrainError::Options { problems }) }
}

/// The steps, up to where the loss diverges. None when `stop` was set.
fn steps(
    plan: &Plan,
    table: &Table,
    loss: &LossOptions,
    n_classes: usize,
    n_steps: usize,
    stop: &AtomicBool,
) -> Result<Option<LrCurve>, TrainError> {
    let options = plan.options();
    let head = Head::new(&plan.head_config(n_classes), options.seed)?;
    let mut descent = Descent::new(options, &head)?;
    let mut curve = LrCurve::default();
    for (step, rows) in batches(plan, table, n_steps)?.iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let rate = FIRST * (LAST / FIRST).powf(step as f64 / (n_steps - 1).max(1) as f64);
        let targets = table.targets.f_index_select(0, rows)?;
        let features = table.features.f_index_select(0, rows)?;
        let (_, value) = descent.step(Batch { features, targets: vec![(targets, 1.0)] }, loss, rate)?;
        if !curve.add(rate, value) {
            break;
        }
    }
    Ok(Some(curve))
}

/// Rows of each step: the batches of as many epochs as are needed. The last of an epoch may be small, and noisier than
/// what the curve is to show; it is left out.
fn batches(plan: &Plan, table: &Table, n_steps: usize) -> Result<Vec<Tensor>, TrainError> {
    let options = plan.options();
    let labels = table.label_list()?;
    let n = labels.len() as i64;
    let mut batches = Vec::with_capacity(n_steps);
    for epoch in 0.. {
        let order: Vec<i64> =
            order(options.sampler, &labels, options.seed, epoch).into_iter().map(|place| place % n).collect();
        for rows in order.chunks_exact(options.photos_per_step().min(order.len())) {
            if batches.len() == n_steps {
                return Ok(batches);
            }
            batches.push(Tensor::f_from_slice(rows)?);
        }
    }
    Ok(batches)
}
