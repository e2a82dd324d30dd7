//! All numbers about a set of predictions.

use serde::{Deserialize, Serialize};

use crate::{
    calibration::expected_calibration_error,
    class_metrics::{Averages, ClassMetrics, per_class},
    confusion::confusion,
    error::MetricsError,
    log_loss::log_loss,
    predictions::Predictions,
    proportion::Proportion,
    report,
    top_k::{TopK, top_k},
};

/// What a classifier is worth on a set of labelled examples.
///
/// The predicted class is the most probable one, the first of those that tie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// Examples evaluated.
    pub n_images: usize,
    /// Fraction that was classified rightly, 0 to 1.
    pub accuracy: f64,
    /// Its 95 % Wilson interval, `[low, high]`.
    pub accuracy_ci: [f64; 2],
    /// Mean negative log-probability of the true class, in nats; probabilities are clipped at 1.2e-7.
    pub log_loss: f64,
    /// Top-2, top-3 and top-5 accuracy, as far as there are more classes than that.
    pub top_k: Vec<TopK>,
    /// Averages in which each class counts the same that some row is, or was called.
    #[serde(rename = "macro")]
    pub macro_average: Averages,
    /// Averages in which each class counts by its number of examples.
    #[serde(rename = "weighted")]
    pub weighted_average: Averages,
    /// Precision, recall and F1 of each class, in the order of labels.
    pub per_class: Vec<ClassMetrics>,
    /// Counts by true class (rows) and predicted class (columns).
    pub confusion: Vec<Vec<usize>>,
    /// Expected calibration error over 15 bins of confidence (Guo et al. 2017), 0 to 1.
    pub ece: f64,
}

impl Evaluation {
    /// Evaluates `probabilities`, row-major `[labels.len(), classes.len()]`, against the true `labels`.
    ///
    /// # Errors
    /// [`MetricsError::Empty`] for nothing to evaluate, [`MetricsError::Length`] for a wrong length. The others name
    /// the row: [`MetricsError::Label`] for a label without a class, [`MetricsError::Probability`] for a value that is
    /// none (NaN above all), [`MetricsError::Sum`] for a row that does not sum to 1.
    pub fn new(classes: &[String], labels: &[usize], probabilities: &[f32]) -> Result<Self, MetricsError> {
        let predictions = Predictions::new(classes.len(), labels, probabilities)?;
        let confusion = confusion(predictions);
        let n_correct = (0..classes.len()).map(|class| confusion[class][class]).sum();
        let accuracy = Proportion { n_correct, n_total: labels.len() };
        let per_class = per_class(classes, &confusion);
        Ok(Self {
            n_images: labels.len(),
            accuracy: accuracy.value(),
            accuracy_ci: accuracy.interval(),
            log_loss: log_loss(predictions),
            top_k: top_k(predictions),
            macro_average: Averages::unweighted(&per_class),
            weighted_average: Averages::by_support(&per_class),
            per_class,
            confusion,
            ece: expected_calibration_error(predictions),
        })
    }

    /// Precision, recall, F1 and support of each class and their averages, as a table for a terminal.
    #[must_use]
    pub fn report(&self) -> String {
        report::classes(self)
    }

    /// The confusion matrix as a table for a terminal: rows are the truth, columns the prediction.
    #[must_use]
    pub fn confusion_table(&self) -> String {
        report::confusion(self)
    }
}
