//! Labels and probabilities that were checked against each other.

use crate::error::MetricsError;

/// How far a row's sum and its values may stray from a distribution's: softmax in bf16 strays by 2^-8.
const TOLERANCE: f64 = 1e-2;

/// `n` labels with `n` rows of `k` probabilities, all valid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Predictions<'a> {
    labels: &'a [usize],
    probabilities: &'a [f32],
    n_classes: usize,
}

impl<'a> Predictions<'a> {
    pub(crate) fn new(n_classes: usize, labels: &'a [usize], probabilities: &'a [f32]) -> Result<Self, MetricsError> {
        check_lengths(n_classes, labels.len(), probabilities.len())?;
        let predictions = Self { labels, probabilities, n_classes };
        for (row, (label, values)) in predictions.rows().enumerate() {
            check_row(row, &[label], values)?;
            check_sum(row, values)?;
        }
        Ok(predictions)
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.labels.len()
    }

    pub(crate) fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Each true label with its row of probabilities.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, &'a [f32])> + use<'a> {
        self.labels.iter().copied().zip(self.probabilities.chunks_exact(self.n_classes))
    }
}

/// Whether there is something to evaluate, a row of probabilities for each example.
pub(crate) fn check_lengths(n_classes: usize, n_rows: usize, found: usize) -> Result<(), MetricsError> {
    if n_classes == 0 || n_rows == 0 {
        return Err(MetricsError::Empty { n_classes, n_rows });
    }
    if n_rows.checked_mul(n_classes) != Some(found) {
        return Err(MetricsError::Length { n_labels: n_rows, n_classes, found });
    }
    Ok(())
}

/// Whether the labels of a row name classes, and its values are probabilities.
pub(crate) fn check_row(row: usize, labels: &[usize], values: &[f32]) -> Result<(), MetricsError> {
    if let Some(&label) = labels.iter().find(|&&label| label >= values.len()) {
        return Err(MetricsError::Label { row, label, n_classes: values.len() });
    }
    let allowed = 0.0..=1.0 + TOLERANCE;
    match values.iter().position(|&p| !allowed.contains(&f64::from(p))) {
        Some(class) => Err(MetricsError::Probability { row, class, value: values[class] }),
        None => Ok(()),
    }
}

fn check_sum(row: usize, values: &[f32]) -> Result<(), MetricsError> {
    let sum: f64 = values.iter().map(|&p| f64::from(p)).sum();
    if (sum - 1.0).abs() > TOLERANCE { Err(MetricsError::Sum { row, sum }) } else { Ok(()) }
}

/// The class with the highest probability; the first of those that tie.
pub(crate) fn argmax(values: &[f32]) -> usize {
    (1..values.len()).fold(0, |best, i| if values[i] > values[best] { i } else { best })
}
