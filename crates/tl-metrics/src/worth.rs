//! What a classifier is worth, whichever its kind.

use serde::Serialize;

use crate::{
    class_metrics::ClassMetrics, error::MetricsError, evaluation::Evaluation, multi_label::MultiLabelEvaluation,
};

/// What a classifier is worth on a set of labelled examples. It is written as the evaluation that it holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Worth {
    /// With one class per example.
    One(Box<Evaluation>),
    /// With several, or none.
    Several(Box<MultiLabelEvaluation>),
}

impl Worth {
    /// Evaluates `probabilities`, row-major `[truth.len(), classes.len()]`, against the true classes of each row; without
    /// `multi_label` each has one.
    ///
    /// # Errors
    /// As [`Evaluation::new`], with `multi_label` as [`MultiLabelEvaluation::new`]; [`MetricsError::NotOne`] where one class
    /// is meant and a row has none or several.
    pub fn new(
        classes: &[String],
        truth: &[impl AsRef<[usize]>],
        probabilities: &[f32],
        multi_label: bool,
    ) -> Result<Self, MetricsError> {
        if multi_label {
            return Ok(Self::Several(Box::new(MultiLabelEvaluation::new(classes, truth, probabilities)?)));
        }
        if let Some(row) = truth.iter().position(|labels| labels.as_ref().len() != 1) {
            return Err(MetricsError::NotOne { row, n_labels: truth[row].as_ref().len() });
        }
        let labels: Vec<usize> = truth.iter().flat_map(AsRef::as_ref).copied().collect();
        Ok(Self::One(Box::new(Evaluation::new(classes, &labels, probabilities)?)))
    }

    /// Fraction that was classified rightly: with several classes per example, all of them and no others.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        match self {
            Self::One(e) => e.accuracy,
            Self::Several(e) => e.exact_match,
        }
    }

    /// Its 95 % Wilson interval, `[low, high]`.
    #[must_use]
    pub fn accuracy_ci(&self) -> [f64; 2] {
        match self {
            Self::One(e) => e.accuracy_ci,
            Self::Several(e) => e.exact_match_ci,
        }
    }

    /// Cross-entropy, binary with several classes per example, in nats.
    #[must_use]
    pub fn log_loss(&self) -> f64 {
        match self {
            Self::One(e) => e.log_loss,
            Self::Several(e) => e.log_loss,
        }
    }

    /// Precision, recall and F1 of each class, in the order of labels.
    #[must_use]
    pub fn per_class(&self) -> &[ClassMetrics] {
        match self {
            Self::One(e) => &e.per_class,
            Self::Several(e) => &e.per_class,
        }
    }
}
