//! The best linear head, found directly.

mod cholesky;
mod cross_validation;
mod folds;
mod problem;
mod rows;
mod several;
mod table;

use self::{rows::Rows, table::Table};
use crate::{error::HeadError, head::Head, lbfgs::Stop, loss::LossOptions};

pub use self::{
    cross_validation::{CrossValidation, CvScore, fit_logistic_cv},
    several::fit_logistic_several_cv,
};

/// How a linear head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticOptions {
    /// Class weights and label smoothing of the loss; it cannot be focal.
    pub loss: LossOptions,
    /// How far from the minimum the objective may end, in nats, as far as its slope tells.
    pub tolerance: f64,
    /// Steps at most.
    pub max_iterations: usize,
    /// Threads over the folds of a cross-validation; the result does not depend on it.
    pub n_threads: usize,
}

impl Default for LogisticOptions {
    fn default() -> Self {
        Self { loss: LossOptions::default(), tolerance: 1e-7, max_iterations: 500, n_threads: 1 }
    }
}

/// A fitted linear head and how the fit went.
#[derive(Debug)]
pub struct LogisticFit {
    /// The head, for features as they come.
    pub head: Head,
    /// The penalty it was fitted with.
    pub l2: f64,
    /// The objective at the end: mean cross-entropy plus penalty, in nats.
    pub objective: f64,
    /// Steps of the final fit.
    pub n_iterations: usize,
    /// Whether the final fit reached its tolerance.
    pub converged: bool,
    /// What each penalty was worth on rows held out; empty where the penalty was given.
    pub scores: Vec<CvScore>,
}

impl LogisticFit {
    /// What the penalty was worth on rows held out; none where it was given.
    #[must_use]
    pub fn score(&self) -> Option<CvScore> {
        self.scores.iter().copied().find(|score| score.l2.total_cmp(&self.l2).is_eq())
    }
}

/// Fits multinomial logistic regression with a ridge penalty to `features` `[N, F]`, row by row, and their `N` `labels`.
///
/// The objective is `mean cross-entropy + l2/2 ‖W‖²`, where `W` are the weights on features that are centred and
/// divided by one number, the root of their mean variance; the biases are free. scikit-learn's
/// `LogisticRegression(C=1 / (n * l2))` on such features has the same optimum (for two classes, where it has one
/// vector of weights instead of two, with `C=2 / (n * l2)`). The head that comes back takes features as they are.
///
/// The minimum is unique, so that no seed is involved.
///
/// # Errors
/// [`HeadError::Option`] for a penalty that is not above 0, fewer than two classes, or a loss that is out of range,
/// focal, or by whose weights no row counts; [`HeadError::Label`] for a label that names no class; [`HeadError::Shape`]
/// and [`HeadError::NotFinite`] for features that are not a row of numbers for each label.
pub fn fit_logistic(
    features: &[f32],
    labels: &[usize],
    n_classes: usize,
    l2: f64,
    options: &LogisticOptions,
) -> Result<LogisticFit, HeadError> {
    check_l2(l2)?;
    let rows = Rows::new(features, labels.len())?;
    let table = Table::new(&rows, labels, n_classes, &options.loss)?;
    let problem = table.problem(|_| true);
    let minimum = problem.solve(problem.zeros(), l2, options.stop())?;
    table.finish(&minimum, l2, Vec::new())
}

impl LogisticOptions {
    fn stop(&self) -> Stop {
        Stop { tolerance: self.tolerance, max_iterations: self.max_iterations }
    }
}

fn check_l2(l2: f64) -> Result<(), HeadError> {
    if l2.is_finite() && l2 > 0.0 {
        return Ok(());
    }
    Err(HeadError::Option {
        name: "l2",
        value: l2.to_string(),
        range: "above 0; without a penalty there may be no optimum",
    })
}
