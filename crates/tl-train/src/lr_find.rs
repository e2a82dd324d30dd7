//! The learning-rate finder: a short run whose rate grows until the loss does.

mod curve;

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tch::Device;
use tl_backbone::Weights;
use tl_features::{Cache, ExtractOptions, FeatureError, extract};
use tl_head::{Head, LossOptions};

pub use self::curve::{LrCurve, LrPoint};
use crate::{
    batch_size::with_batch_size,
    data::Data,
    descent::{Batch, Descent},
    error::TrainError,
    event::{Event, Observer},
    finetune::TuneInputs,
    options::HeadKind,
    order::order,
    plan::Plan,
    run::{check_classes, check_skipped},
    table::{Table, labels, samples, table},
    train_head::{HeadInputs, Trained},
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

/// Trains for at most `n_steps` steps, the rate growing exponentially from 1e-7 to 10, until the smoothed loss is four
/// times its lowest, or 0.4 where that was almost nothing (Smith 2017, arXiv:1506.01186): a new head on the photos' features, or where the backbone is trained
/// all that the settings let move, from the head that the run would begin with; there the rate is the head's, and the
/// backbone's are in proportion.
///
/// None when `stop` was set.
///
/// # Errors
/// [`TrainError::Options`] for a head that is only fitted, fewer than 10 steps, or settings that the device cannot
/// have. Photos, class weights and networks that cannot be used are errors as in [`crate::train`].
pub fn lr_find(
    inputs: &LrFindInputs,
    n_steps: usize,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Option<LrCurve>, TrainError> {
    let LrFindInputs { plan, data, weights, device, cache } = inputs;
    check(plan, n_steps)?;
    let plan = &with_batch_size(plan.clone().on(*device)?, data, weights, observer)?;
    let (options, weights) = (plan.options(), &plan.starting_weights(weights)?);
    let file_weights = options.class_weights.read(&data.classes)?;
    let photos: Vec<PathBuf> = data.train.iter().map(|sample| sample.path.clone()).collect();
    let extracting = ExtractOptions { cache: cache.clone(), ..plan.extracting() };
    let mut progress = |n_done| observer.event(&Event::Extracting { n_done, n_total: photos.len() });
    let (mut features, broken) = match extract(weights, &photos, &extracting, &mut progress, stop) {
        Err(FeatureError::Stopped { .. }) => return Ok(None),
        result => result?,
    };
    let labels = labels(&features, &data.train);
    let skipped: Vec<_> = data.skipped.iter().cloned().chain(broken).collect();
    check_skipped(&skipped, labels.len(), options.max_skipped)?;
    check_classes(data, &labels, &skipped)?;
    let table = table(std::mem::take(&mut features.rows), features.width, &labels, data);
    let table = table.of_training(&features.photos, data);
    let counts = data.count(labels.iter().copied());
    let loss = options.loss_options(options.class_weights.of(&counts, file_weights));
    if !plan.tunes_backbone() {
        return steps(plan, &table, &loss, data.classes.len(), n_steps, stop);
    }
    let Some(head) = head(plan, &table, &loss, data.classes.len(), stop)? else { return Ok(None) };
    let inputs = TuneInputs {
        plan: &plan.for_lr_find(),
        weights,
        head,
        records: Vec::new(),
        loss,
        answers: data.answers(),
        train: samples(&features, &data.train),
        val: Vec::new(),
        started: Instant::now(),
        seconds_per_photo: None,
    };
    inputs.lr_curve((0..n_steps).map(|step| rate(step, n_steps)), observer, stop)
}

/// The rate of a step.
fn rate(step: usize, n_steps: usize) -> f64 {
    FIRST * (LAST / FIRST).powf(step as f64 / (n_steps - 1).max(1) as f64)
}

/// The head that fine-tuning begins with. None when `stop` was set.
fn head(
    plan: &Plan,
    train: &Table,
    loss: &LossOptions,
    n_classes: usize,
    stop: &AtomicBool,
) -> Result<Option<Head>, TrainError> {
    if plan.starts_from_random_head() {
        return Ok(Some(Head::new(&plan.head_config(n_classes), plan.options().seed)?));
    }
    let plan = &plan.for_head();
    let (loss, started) = (loss.clone(), Instant::now());
    let inputs = HeadInputs { plan, train, val: None, loss, n_classes, folder: None, data_blake3: "", started };
    Ok(match inputs.train(&mut |_: &Event<'_>| {}, stop)? {
        Trained::Done { head, .. } => Some(head),
        Trained::Stopped { .. } => None,
    })
}

fn check(plan: &Plan, n_steps: usize) -> Result<(), TrainError> {
    let mut problems = Vec::new();
    if !plan.tunes_backbone() && plan.options().head == HeadKind::Logistic {
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
    for (step, rows) in batches(plan, table, n_steps).iter().enumerate() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let rate = rate(step, n_steps);
        let batch = Batch { features: table.select(rows), targets: vec![(table.targets.select(rows), 1.0)] };
        let (_, value) = descent.step(&batch, loss, rate)?;
        if !curve.add(rate, value) {
            break;
        }
    }
    Ok(Some(curve))
}

/// Rows of each step: the batches of as many epochs as are needed. The last of an epoch may be small, and noisier than
/// what the curve is to show; it is left out.
fn batches(plan: &Plan, table: &Table, n_steps: usize) -> Vec<Vec<usize>> {
    let options = plan.options();
    let n = table.labels.len();
    let mut batches = Vec::with_capacity(n_steps);
    for epoch in 0.. {
        let order: Vec<usize> =
            order(options.sampler, &table.labels, options.seed, epoch).into_iter().map(|place| place % n).collect();
        for rows in order.chunks_exact(options.photos_per_step().min(order.len())) {
            if batches.len() == n_steps {
                return batches;
            }
            batches.push(rows.to_vec());
        }
    }
    batches
}
