//! Whether a confidence of 0.8 is right in 8 cases of 10.

use crate::predictions::{Predictions, argmax};

const N_BINS: usize = 15;

/// Rows whose confidence lies in one interval.
#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    confidence: f64,
    n_correct: usize,
}

/// Expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv:1706.04599, equation 3).
///
/// Rows are put into 15 bins `(lo, hi]` of equal width by the probability of the predicted class; the error is
/// the mean, over rows, of the distance between their bin's accuracy and its mean confidence. 0 is perfect.
/// With few rows in a bin it is biased upwards: compare values of the same set only.
pub(crate) fn expected_calibration_error(predictions: Predictions<'_>) -> f64 {
    let mut bins = [Bin::default(); N_BINS];
    for (label, values) in predictions.rows() {
        let predicted = argmax(values);
        let confidence = f64::from(values[predicted]);
        let bin = &mut bins[bin_of(confidence)];
        bin.confidence += confidence;
        bin.n_correct += usize::from(predicted == label);
    }
    let gaps: f64 = bins.iter().map(|bin| (bin.n_correct as f64 - bin.confidence).abs()).sum();
    gaps / predictions.n_rows() as f64
}

fn bin_of(confidence: f64) -> usize {
    ((confidence * N_BINS as f64).ceil() as usize).clamp(1, N_BINS) - 1
}
