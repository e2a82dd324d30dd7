//! The losses on rows of numbers, with what they say of each logit.

use crate::{binary::check_binary, error::HeadError, loss::LossOptions, targets::Targets};

/// A loss in nats, and its gradient by the logits, `[N, n_classes]` row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct RowLoss {
    /// The mean over the rows.
    pub value: f64,
    /// What it says of each logit.
    pub gradient: Vec<f32>,
}

/// The loss that fits `targets`, without libtorch: [`crate::cross_entropy`] of labels, and
/// [`crate::binary_cross_entropy`] of rows with several classes, both but for rounding. `logits` are `[N, n_classes]`, row by
/// row.
///
/// Where no row counts anything, because its class weighs nothing, the loss is 0; there PyTorch's is not a number.
///
/// # Errors
/// [`HeadError::Shape`] without a row, or where logits and targets are not as many; [`HeadError::Label`] for a label
/// that names no class; [`HeadError::Option`] for options out of range, or that rows with several classes cannot have.
pub fn row_loss(
    logits: &[f32],
    n_classes: usize,
    targets: &Targets,
    options: &LossOptions,
) -> Result<RowLoss, HeadError> {
    let (n, found) = (targets.len(), vec![logits.len() as i64]);
    if n == 0 || logits.len() != n * n_classes {
        return Err(HeadError::Shape { what: "logits", expected: format!("[{n}, {n_classes}], and a row"), found });
    }
    options.check(n_classes)?;
    match targets {
        Targets::Labels(labels) => cross_entropy(logits, n_classes, labels, options),
        Targets::Several { rows, n_classes: width } if *width == n_classes && rows.len() == logits.len() => {
            binary(logits, rows, options)
        }
        Targets::Several { rows, n_classes: width } => {
            let (expected, found) = (format!("[{n}, {n_classes}]"), vec![n as i64, *width as i64]);
            let found = if *width == n_classes { vec![rows.len() as i64] } else { found };
            Err(HeadError::Shape { what: "targets", expected, found })
        }
    }
}

/// The same for rows that are made of several: each of `targets` with the part that it counts.
///
/// # Errors
/// As [`row_loss`], and without any targets.
pub fn mixed_row_loss(
    logits: &[f32],
    n_classes: usize,
    targets: &[(Targets, f64)],
    options: &LossOptions,
) -> Result<RowLoss, HeadError> {
    if targets.is_empty() {
        return Err(HeadError::Shape {
            what: "targets",
            expected: format!("[N, {n_classes}] or [N], a part at least"),
            found: vec![0],
        });
    }
    let mut sum = RowLoss { value: 0.0, gradient: vec![0.0; logits.len()] };
    for (target, share) in targets {
        let part = row_loss(logits, n_classes, target, options)?;
        sum.value += share * part.value;
        sum.gradient.iter_mut().zip(part.gradient).for_each(|(sum, part)| *sum += *share as f32 * part);
    }
    Ok(sum)
}

/// Sum over rows and classes of `weight · target · (1 - p)^gamma · -log p`, divided by the weights of the labels.
fn cross_entropy(
    logits: &[f32],
    n_classes: usize,
    labels: &[usize],
    options: &LossOptions,
) -> Result<RowLoss, HeadError> {
    if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= n_classes) {
        return Err(HeadError::Label { row, label, n_classes });
    }
    let weight = |class: usize| options.class_weights.as_ref().map_or(1.0, |weights| f64::from(weights[class]));
    let total: f64 = labels.iter().map(|&label| weight(label)).sum();
    let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
    let (on, off) = (1.0 - options.label_smoothing, options.label_smoothing / n_classes as f64);
    let mut loss = RowLoss { value: 0.0, gradient: Vec::with_capacity(logits.len()) };
    for (row, &label) in logits.chunks_exact(n_classes).zip(labels) {
        let log_p = log_softmax(row);
        let mut slopes = Vec::with_capacity(n_classes);
        for (class, &log_p) in log_p.iter().enumerate() {
            let target = scale * weight(class) * (off + if class == label { on } else { 0.0 });
            let (term, slope) = focal(log_p, options.focal_gamma);
            loss.value += target * term;
            slopes.push(target * slope);
        }
        let all: f64 = slopes.iter().sum();
        loss.gradient.extend(slopes.iter().zip(&log_p).map(|(slope, log_p)| (slope - log_p.exp() * all) as f32));
    }
    Ok(loss)
}

/// `(1 - p)^gamma · -log p`, and its slope by `log p`. As in [`crate::cross_entropy`], `1 - p` is kept above zero, where the
/// slope of its power would have no end.
fn focal(log_p: f64, gamma: f64) -> (f64, f64) {
    if gamma == 0.0 {
        return (-log_p, -1.0);
    }
    let unsure = -log_p.exp_m1();
    let bounded = unsure.max(1e-12);
    let power = bounded.powf(gamma);
    let slope = if unsure > bounded / 2.0 { gamma * power / bounded * log_p * log_p.exp() } else { 0.0 };
    (power * -log_p, slope - power)
}

/// The mean over rows and classes of `log(1 + e^z) - t z`.
fn binary(logits: &[f32], targets: &[f32], options: &LossOptions) -> Result<RowLoss, HeadError> {
    check_binary(options)?;
    let n = logits.len() as f64;
    let mut loss = RowLoss { value: 0.0, gradient: Vec::with_capacity(logits.len()) };
    for (&logit, &target) in logits.iter().zip(targets) {
        let (z, smoothing) = (f64::from(logit), options.label_smoothing);
        let target = f64::from(target) * (1.0 - smoothing) + smoothing / 2.0;
        // The larger exponent is taken off, so that nothing overflows.
        loss.value += (z.max(0.0) - target * z + (-z.abs()).exp().ln_1p()) / n;
        loss.gradient.push(((1.0 / (1.0 + (-z).exp()) - target) / n) as f32);
    }
    Ok(loss)
}

fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = |z: &f32| f64::from(*z) - f64::from(largest);
    let log_sum = row.iter().map(|z| shifted(z).exp()).sum::<f64>().ln();
    row.iter().map(|z| shifted(z) - log_sum).collect()
}
