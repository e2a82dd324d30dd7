//! Cross-entropy of the predictions.

use crate::predictions::Predictions;

/// Mean negative log-probability of the true class, in nats.
///
/// Probabilities are clipped to `[f32::EPSILON, 1 - f32::EPSILON]`, as scikit-learn does for 32-bit floats:
/// one row that is certain and wrong costs 15.9 nats, and not infinity.
pub(crate) fn log_loss(predictions: Predictions<'_>) -> f64 {
    let total: f64 = predictions.rows().map(|(label, values)| nats(values[label])).sum();
    total / predictions.n_rows() as f64
}

/// What an answer that was given the probability `p` costs where it is right.
pub(crate) fn nats(p: f32) -> f64 {
    -f64::from(p.clamp(f32::EPSILON, 1.0 - f32::EPSILON)).ln()
}
