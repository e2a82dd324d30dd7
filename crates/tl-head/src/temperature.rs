//! Probabilities, and how sure they are.

use crate::error::HeadError;

/// Probabilities of `logits / temperature`, `[N, n_classes]` row by row: softmax over the classes, or where rows may have
/// several classes (`multi_label`) the sigmoid of each.
///
/// A temperature above 1 makes the probabilities less sure, below 1 surer; the most probable class stays. 1 leaves
/// the logits alone.
///
/// # Errors
/// [`HeadError::Option`] for a temperature that is not above 0 as f32, [`HeadError::Shape`] for logits of no whole rows.
pub fn probabilities(
    logits: &[f32],
    n_classes: usize,
    temperature: f64,
    multi_label: bool,
) -> Result<Vec<f32>, HeadError> {
    let scale = temperature as f32;
    if !(scale.is_finite() && scale > 0.0) {
        let value = format!("{temperature:e}");
        return Err(HeadError::Option { name: "temperature", value, range: "above 0" });
    }
    if n_classes == 0 || !logits.len().is_multiple_of(n_classes) {
        let (expected, found) = (format!("[N, {n_classes}]"), vec![logits.len() as i64]);
        return Err(HeadError::Shape { what: "logits", expected, found });
    }
    let scaled = logits.iter().map(|logit| logit / scale);
    if multi_label {
        return Ok(scaled.map(|x| 1.0 / (1.0 + (-x).exp())).collect());
    }
    let mut rows: Vec<f32> = scaled.collect();
    rows.chunks_mut(n_classes).for_each(softmax);
    Ok(rows)
}

/// The largest is taken off first, so that nothing overflows.
fn softmax(row: &mut [f32]) {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for x in &mut *row {
        *x = (*x - largest).exp();
        sum += *x;
    }
    for x in row {
        *x /= sum;
    }
}

/// The range that is searched. Beyond it the held-out set has nothing to say: it is separated perfectly, or the
/// logits are noise.
const LOWEST: f64 = 0.05;
const HIGHEST: f64 = 20.0;

/// The temperature at which held-out `logits`, row-major `[labels.len(), n_classes]`, have the lowest log-loss
/// (Guo et al. 2017, arXiv:1706.04599).
///
/// The loss is convex in the inverse temperature, so bisection on its derivative finds the minimum from anywhere;
/// the answer lies in 0.05 to 20. Fit it on examples that the head was not trained on: on its own training set
/// a head looks surer than it is.
///
/// # Errors
/// [`HeadError::Shape`] without a row, or where logits and labels are not as many; [`HeadError::Label`] for a label
/// that names no class; [`HeadError::NotFinite`] for logits that are no numbers.
pub fn fit_temperature(logits: &[f32], labels: &[usize], n_classes: usize) -> Result<f64, HeadError> {
    check(logits, labels, n_classes)?;
    let (mut low, mut high) = (HIGHEST.recip(), LOWEST.recip());
    // Each step halves the ratio's logarithm; 60 steps go below the precision of f64.
    for _ in 0..60 {
        let middle = (low * high).sqrt();
        if slope(logits, labels, n_classes, middle) > 0.0 { high = middle } else { low = middle }
    }
    Ok((low * high).sqrt().recip())
}

/// Derivative of the summed log-loss by the inverse temperature: expected minus true logit.
fn slope(logits: &[f32], labels: &[usize], n_classes: usize, inverse: f64) -> f64 {
    let rows = logits.chunks_exact(n_classes).zip(labels);
    rows.map(|(row, &label)| expected_logit(row, inverse) - f64::from(row[label])).sum()
}

/// Mean of the logits under the probabilities that they give at an inverse temperature.
fn expected_logit(row: &[f32], inverse: f64) -> f64 {
    let highest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut mass, mut sum) = (0.0, 0.0);
    for &logit in row {
        let weight = (inverse * f64::from(logit - highest)).exp();
        mass += weight;
        sum += weight * f64::from(logit);
    }
    sum / mass
}

fn check(logits: &[f32], labels: &[usize], n_classes: usize) -> Result<(), HeadError> {
    if labels.is_empty() || labels.len().checked_mul(n_classes) != Some(logits.len()) {
        let expected = format!("[{}, {n_classes}] and at least one row", labels.len());
        return Err(HeadError::Shape { what: "logits", expected, found: vec![logits.len() as i64] });
    }
    if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= n_classes) {
        return Err(HeadError::Label { row, label, n_classes });
    }
    if !logits.iter().all(|logit| logit.is_finite()) {
        return Err(HeadError::NotFinite { what: "logits" });
    }
    Ok(())
}
