//! What is fitted.

use super::{
    LogisticFit,
    cross_validation::CvScore,
    problem::{Problem, targets},
    rows::Rows,
};
use crate::{error::HeadError, lbfgs::Minimum, loss::LossOptions};

/// Rows with what they are to be answered with.
pub(super) struct Table<'a> {
    pub(super) labels: &'a [usize],
    pub(super) n_classes: usize,
    rows: &'a Rows,
    /// `[N, K]` row-major, see [`targets`].
    pub(super) targets: Vec<f32>,
    /// What each row counts.
    pub(super) weights: Vec<f64>,
}

impl<'a> Table<'a> {
    /// Of as many labels as there are rows.
    pub(super) fn new(
        rows: &'a Rows,
        labels: &'a [usize],
        n_classes: usize,
        loss: &LossOptions,
    ) -> Result<Self, HeadError> {
        check_labels(labels, n_classes)?;
        loss.check(n_classes)?;
        if loss.focal_gamma > 0.0 {
            let value = loss.focal_gamma.to_string();
            let range = "0: a logistic fit is one of cross-entropy, which has one minimum";
            return Err(HeadError::Option { name: "gamma of the focal loss", value, range });
        }
        let weight = |&label: &usize| loss.class_weights.as_ref().map_or(1.0, |w| f64::from(w[label]));
        let weights: Vec<f64> = labels.iter().map(weight).collect();
        if weights.iter().all(|&weight| weight == 0.0) {
            let value = format!("{:?}", loss.class_weights);
            return Err(HeadError::Option { name: "class weights", value, range: "above 0 for a class that has rows" });
        }
        Ok(Self { labels, n_classes, rows, targets: targets(labels, n_classes, loss), weights })
    }

    /// The fit to the rows that `used` chooses.
    pub(super) fn problem(&self, used: impl Fn(usize) -> bool) -> Problem<'_> {
        let mut targets = self.targets.clone();
        let rows = targets.chunks_exact_mut(self.n_classes).enumerate();
        rows.filter(|(row, _)| !used(*row)).for_each(|(_, target)| target.fill(0.0));
        let total: f64 = self.weights.iter().enumerate().filter(|(row, _)| used(*row)).map(|(_, w)| w).sum();
        // A fold may be left with rows that count nothing; then there is nothing to divide either.
        let total = total.max(f64::MIN_POSITIVE);
        Problem::new(self.rows, &targets, total)
    }

    /// The head of a minimum.
    pub(super) fn finish(&self, minimum: &Minimum, l2: f64, scores: Vec<CvScore>) -> Result<LogisticFit, HeadError> {
        Ok(LogisticFit {
            head: self.rows.head(&minimum.x)?,
            l2,
            objective: minimum.value,
            n_iterations: minimum.n_iterations,
            converged: minimum.converged,
            scores,
        })
    }
}

fn check_labels(labels: &[usize], n_classes: usize) -> Result<(), HeadError> {
    if n_classes < 2 {
        return Err(HeadError::Option { name: "number of classes", value: n_classes.to_string(), range: "2 or more" });
    }
    if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= n_classes) {
        return Err(HeadError::Label { row, label, n_classes });
    }
    Ok(())
}
