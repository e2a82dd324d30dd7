//! Precision, recall and F1, per class and averaged.

use serde::{Deserialize, Serialize};

/// How well one class is recognised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassMetrics {
    /// Name of the class.
    pub class: String,
    /// Of those called this class, the fraction that is; 0 where none was called so.
    pub precision: f64,
    /// Of those that are this class, the fraction that was called so; 0 where there are none.
    pub recall: f64,
    /// Harmonic mean of the two; 0 where both are 0.
    pub f1: f64,
    /// How many truly are this class.
    pub support: usize,
    /// How many were called this class.
    pub n_predicted: usize,
}

/// Precision, recall and F1 averaged over classes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Averages {
    /// Averaged precision.
    pub precision: f64,
    /// Averaged recall.
    pub recall: f64,
    /// Averaged F1 (not the F1 of the averages).
    pub f1: f64,
}

impl Averages {
    /// Every class counts the same that some row is, or was called; of the others nothing is known.
    pub(crate) fn unweighted(classes: &[ClassMetrics]) -> Self {
        Self::weighted_by(classes, |class| f64::from(u8::from(class.occurs())))
    }

    /// Every row counts the same.
    pub(crate) fn by_support(classes: &[ClassMetrics]) -> Self {
        Self::weighted_by(classes, |class| class.support as f64)
    }

    fn weighted_by(classes: &[ClassMetrics], weight: impl Fn(&ClassMetrics) -> f64) -> Self {
        let total: f64 = classes.iter().map(&weight).sum::<f64>().max(f64::MIN_POSITIVE);
        let mean = |value: fn(&ClassMetrics) -> f64| classes.iter().map(|c| weight(c) * value(c)).sum::<f64>() / total;
        Self { precision: mean(|c| c.precision), recall: mean(|c| c.recall), f1: mean(|c| c.f1) }
    }
}

/// The metrics of each class from the confusion matrix.
pub(crate) fn per_class(names: &[String], confusion: &[Vec<usize>]) -> Vec<ClassMetrics> {
    names.iter().enumerate().map(|(class, name)| of_class(name, class, confusion)).collect()
}

fn of_class(name: &str, class: usize, confusion: &[Vec<usize>]) -> ClassMetrics {
    let n_correct = confusion[class][class];
    let support = confusion[class].iter().sum();
    let n_predicted = confusion.iter().map(|row| row[class]).sum();
    ClassMetrics::of_counts(name, n_correct, support, n_predicted)
}

impl ClassMetrics {
    /// Of a class that `support` rows are and `n_predicted` were called, `n_correct` of them both.
    pub(crate) fn of_counts(name: &str, n_correct: usize, support: usize, n_predicted: usize) -> Self {
        Self {
            class: name.to_owned(),
            precision: ratio(n_correct, n_predicted),
            recall: ratio(n_correct, support),
            f1: ratio(2 * n_correct, support + n_predicted),
            support,
            n_predicted,
        }
    }

    /// Whether some row is this class, or was called so.
    #[must_use]
    pub fn occurs(&self) -> bool {
        self.support + self.n_predicted > 0
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}
