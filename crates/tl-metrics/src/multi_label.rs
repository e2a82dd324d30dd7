//! Predictions of rows that may have several classes, or none.

use serde::{Deserialize, Serialize};

use crate::{
    average_precision::average_precision,
    class_metrics::{Averages, ClassMetrics},
    error::MetricsError,
    log_loss::nats,
    predictions::{check_lengths, check_row},
    proportion::Proportion,
    report,
};

/// From this probability on a class is there, where nothing else is said.
const THRESHOLD: f32 = 0.5;

/// What a classifier is worth on examples that may have several classes, each with a probability of its own.
///
/// A class is predicted where its probability reaches the threshold, 0.5 where no other is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiLabelEvaluation {
    /// Examples evaluated.
    pub n_images: usize,
    /// The probability from which on a class is predicted.
    #[serde(default = "usual_threshold")]
    pub threshold: f32,
    /// Fraction of the examples whose classes were all predicted, and no others, 0 to 1.
    pub exact_match: f64,
    /// Its 95 % Wilson interval, `[low, high]`.
    pub exact_match_ci: [f64; 2],
    /// Fraction of right answers among those for every example and class: 1 minus the Hamming loss.
    pub label_accuracy: f64,
    /// Mean binary cross-entropy over examples and classes, in nats; probabilities are clipped at 1.2e-7.
    pub log_loss: f64,
    /// Mean of the classes' average precisions (mAP), those without examples left out; none where there is no other.
    pub mean_average_precision: Option<f64>,
    /// Precision, recall and F1 of all answers of all classes together.
    #[serde(rename = "micro")]
    pub micro_average: Averages,
    /// Averages in which each class counts the same that some row is, or was called.
    #[serde(rename = "macro")]
    pub macro_average: Averages,
    /// Precision, recall and F1 of each class, in the order of labels.
    pub per_class: Vec<ClassMetrics>,
    /// Average precision of each class, in the order of labels; none for a class without examples.
    pub average_precision: Vec<Option<f64>>,
}

fn usual_threshold() -> f32 {
    THRESHOLD
}

impl MultiLabelEvaluation {
    /// Evaluates `probabilities`, row-major `[truth.len(), classes.len()]`, against the true classes of each row.
    ///
    /// # Errors
    /// As [`Evaluation::new`](crate::Evaluation::new), without [`MetricsError::Sum`]: rows may have any sum.
    pub fn new(classes: &[String], truth: &[impl AsRef<[usize]>], probabilities: &[f32]) -> Result<Self, MetricsError> {
        Self::at(THRESHOLD, classes, truth, probabilities)
    }

    /// The same, with another probability from which on a class is predicted.
    ///
    /// # Errors
    /// As [`MultiLabelEvaluation::new`].
    pub fn at(
        threshold: f32,
        classes: &[String],
        truth: &[impl AsRef<[usize]>],
        probabilities: &[f32],
    ) -> Result<Self, MetricsError> {
        let answers = Answers::new(threshold, classes.len(), truth, probabilities)?;
        let n_answers = probabilities.len() as f64;
        let per_class: Vec<ClassMetrics> =
            classes.iter().enumerate().map(|(i, name)| answers.metrics(i, name)).collect();
        let average_precision: Vec<_> =
            (0..classes.len()).map(|class| average_precision(answers.of_class(class).collect())).collect();
        let exact = Proportion { n_correct: answers.n_exact(), n_total: truth.len() };
        Ok(Self {
            n_images: truth.len(),
            threshold,
            exact_match: exact.value(),
            exact_match_ci: exact.interval(),
            label_accuracy: answers.all().filter(|&(p, is)| (p >= threshold) == is).count() as f64 / n_answers,
            log_loss: answers.all().map(|(p, is)| nats(if is { p } else { 1.0 - p })).sum::<f64>() / n_answers,
            mean_average_precision: mean(average_precision.iter().copied().flatten()),
            micro_average: answers.micro(),
            macro_average: Averages::unweighted(&per_class),
            per_class,
            average_precision,
        })
    }

    /// Precision, recall, F1, average precision and support of each class and their averages, as a table for a terminal.
    #[must_use]
    pub fn report(&self) -> String {
        report::multi_label(self)
    }
}

/// For every row and class the probability, and whether the row has the class.
struct Answers<'a> {
    threshold: f32,
    n_classes: usize,
    probabilities: &'a [f32],
    is: Vec<bool>,
}

impl<'a> Answers<'a> {
    fn new(
        threshold: f32,
        n_classes: usize,
        truth: &[impl AsRef<[usize]>],
        probabilities: &'a [f32],
    ) -> Result<Self, MetricsError> {
        check_lengths(n_classes, truth.len(), probabilities.len())?;
        let mut is = vec![false; probabilities.len()];
        let rows = probabilities.chunks_exact(n_classes).zip(is.chunks_exact_mut(n_classes));
        for (row, (labels, (values, is))) in truth.iter().zip(rows).enumerate() {
            check_row(row, labels.as_ref(), values)?;
            labels.as_ref().iter().for_each(|&label| is[label] = true);
        }
        Ok(Self { threshold, n_classes, probabilities, is })
    }

    fn all(&self) -> impl Iterator<Item = (f32, bool)> {
        self.probabilities.iter().copied().zip(self.is.iter().copied())
    }

    fn of_class(&self, class: usize) -> impl Iterator<Item = (f32, bool)> {
        self.all().skip(class).step_by(self.n_classes)
    }

    fn metrics(&self, class: usize, name: &str) -> ClassMetrics {
        self.counted(name, self.of_class(class))
    }

    fn micro(&self) -> Averages {
        let ClassMetrics { precision, recall, f1, .. } = self.counted("", self.all());
        Averages { precision, recall, f1 }
    }

    fn counted(&self, name: &str, answers: impl Iterator<Item = (f32, bool)>) -> ClassMetrics {
        let (mut n_correct, mut support, mut n_predicted) = (0, 0, 0);
        for (p, is) in answers {
            let called = p >= self.threshold;
            n_correct += usize::from(called && is);
            support += usize::from(is);
            n_predicted += usize::from(called);
        }
        ClassMetrics::of_counts(name, n_correct, support, n_predicted)
    }

    fn n_exact(&self) -> usize {
        let rows = self.probabilities.chunks_exact(self.n_classes).zip(self.is.chunks_exact(self.n_classes));
        rows.filter(|(row, is)| row.iter().zip(*is).all(|(p, is)| (*p >= self.threshold) == *is)).count()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
