//! Which class was taken for which.

use crate::predictions::{Predictions, argmax};

/// Counts of rows by true class (outer) and predicted class (inner).
pub(crate) fn confusion(predictions: Predictions<'_>) -> Vec<Vec<usize>> {
    let k = predictions.n_classes();
    let mut matrix = vec![vec![0; k]; k];
    for (label, values) in predictions.rows() {
        matrix[label][argmax(values)] += 1;
    }
    matrix
}
