//! The best linear head, found directly.

mod folds;
mod problem;
mod space;

use std::thread;

use tch::{Kind, Tensor};

use crate::{
    config::HeadConfig,
    error::HeadError,
    head::Head,
    lbfgs::{Minimum, Stop},
    loss::LossOptions,
};

use self::{
    folds::stratified_folds,
    problem::{Problem, targets},
    space::Space,
};

/// How a linear head is fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct LogisticOptions {
    /// Class weights and label smoothing of the loss.
    pub loss: LossOptions,
    /// How far from the minimum the objective may end, in nats.
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

/// How the penalty is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// The penalties to try, from the strongest to the weakest: each fit starts from the one before.
    pub l2s: Vec<f64>,
    /// Parts that are held out in turn, 2 or more.
    pub n_folds: usize,
    /// Decides which row is held out when.
    pub seed: u64,
}

impl Default for CrossValidation {
    /// Nine penalties from 10 to 0.001, two to a factor of ten; five folds.
    fn default() -> Self {
        let l2s = (0..9).map(|i| 10f64.powf(1.0 - f64::from(i) / 2.0)).collect();
        Self { l2s, n_folds: 5, seed: 0 }
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

/// What a penalty was worth in cross-validation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CvScore {
    /// The penalty.
    pub l2: f64,
    /// Mean loss of the rows while they were held out, in nats.
    pub loss: f64,
    /// Fraction of them classified rightly, 0 to 1.
    pub accuracy: f64,
}

/// Fits multinomial logistic regression with a ridge penalty to `features` `[N, F] f32` and their `labels`.
///
/// The objective is `mean cross-entropy + l2/2 ‖W‖²`, where `W` are the weights on features scaled to mean 0 and
/// standard deviation 1; the biases are free. scikit-learn's `LogisticRegression(C=1 / (n * l2))` after its
/// `StandardScaler` has the same optimum. The head that comes back takes features as they are.
///
/// The minimum is unique, so that no seed is involved. For the same bits at any number of cores let libtorch
/// use one thread per operation.
pub fn fit_logistic(
    features: &Tensor,
    labels: &[usize],
    n_classes: usize,
    l2: f64,
    options: &LogisticOptions,
) -> Result<LogisticFit, HeadError> {
    check_l2(l2)?;
    let table = Table::new(features, labels, n_classes, &options.loss)?;
    let problem = table.problem(|_| true)?;
    let minimum = problem.solve(problem.zeros(), l2, options.stop())?;
    table.finish(&minimum, l2, Vec::new())
}

/// The same with the penalty that does best on rows held out.
///
/// Every class is dealt out over the folds; the penalty with the lowest mean loss on the rows held out is
/// taken, the stronger of two that tie, and the head is fitted with it to all rows. A class with a single row is
/// never both learned and tested; it counts all the same.
pub fn fit_logistic_cv(
    features: &Tensor,
    labels: &[usize],
    n_classes: usize,
    choice: &CrossValidation,
    options: &LogisticOptions,
) -> Result<LogisticFit, HeadError> {
    check_choice(choice, labels.len())?;
    let table = Table::new(features, labels, n_classes, &options.loss)?;
    let folds = stratified_folds(labels, n_classes, choice.n_folds, choice.seed);
    let paths = table.paths(&folds, choice, options.n_threads)?;
    let scores: Vec<CvScore> = (0..choice.l2s.len()).map(|i| table.score(&paths, i, choice.l2s[i])).collect();
    let best = (0..scores.len()).fold(0, |best, i| if scores[i].loss < scores[best].loss { i } else { best });
    let start = mean(paths.iter().map(|path| path[best].weights.as_slice()));
    let minimum = table.problem(|_| true)?.solve(start, choice.l2s[best], options.stop())?;
    table.finish(&minimum, choice.l2s[best], scores)
}

impl LogisticOptions {
    fn stop(&self) -> Stop {
        Stop { tolerance: self.tolerance, max_iterations: self.max_iterations }
    }
}

/// Rough fits are enough to compare penalties, whose losses differ by far more than this.
const ROUGH: Stop = Stop { tolerance: 1e-4, max_iterations: 50 };

/// The rows of a fit, in the space in which it is easy.
struct Table<'a> {
    labels: &'a [usize],
    n_classes: usize,
    space: Space,
    coordinates: Tensor,
    targets: Vec<f32>,
    /// What each row counts.
    weights: Vec<f64>,
}

/// A fold's fit at one penalty.
struct PathPoint {
    weights: Vec<f64>,
    /// Summed loss of the rows held out.
    loss: f64,
    n_correct: usize,
}

impl<'a> Table<'a> {
    fn new(features: &Tensor, labels: &'a [usize], n_classes: usize, loss: &LossOptions) -> Result<Self, HeadError> {
        check_table(features, labels, n_classes)?;
        loss.check(n_classes)?;
        let (space, coordinates) = Space::of(&features.f_detach()?.f_to_kind(Kind::Float)?)?;
        let weight = |&label: &usize| loss.class_weights.as_ref().map_or(1.0, |w| f64::from(w[label]));
        let weights: Vec<f64> = labels.iter().map(weight).collect();
        Ok(Self { labels, n_classes, space, coordinates, targets: targets(labels, n_classes, loss), weights })
    }

    /// The fit to the rows that `used` chooses.
    fn problem(&self, used: impl Fn(usize) -> bool) -> Result<Problem, HeadError> {
        let mut targets = self.targets.clone();
        let rows = targets.chunks_exact_mut(self.n_classes).enumerate();
        rows.filter(|(row, _)| !used(*row)).for_each(|(_, target)| target.fill(0.0));
        let total = self.weights.iter().enumerate().filter(|(row, _)| used(*row)).map(|(_, w)| w).sum();
        Problem::new(&self.coordinates, &targets, total, &self.space.variances)
    }

    /// Every fold's fits along the penalties, the folds side by side on `n_threads` threads.
    fn paths(
        &self,
        folds: &[usize],
        choice: &CrossValidation,
        n_threads: usize,
    ) -> Result<Vec<Vec<PathPoint>>, HeadError> {
        let fits = (0..choice.n_folds).map(|fold| self.problem(|row| folds[row] != fold).map(|p| (fold, p)));
        let mut fits = fits.collect::<Result<Vec<_>, _>>()?;
        let n_each = choice.n_folds.div_ceil(n_threads.clamp(1, choice.n_folds));
        let (labels, targets, n_classes) = (self.labels, &self.targets, self.n_classes);
        let run = |fits: &mut [(usize, Problem)]| -> Result<Vec<_>, HeadError> {
            let held_out = |fold| HeldOut { labels, targets, n_classes, folds, fold };
            fits.iter().map(|(fold, problem)| path(problem, &held_out(*fold), &choice.l2s)).collect()
        };
        let groups: Vec<Result<Vec<_>, HeadError>> = thread::scope(|scope| {
            let threads: Vec<_> = fits.chunks_mut(n_each).map(|group| scope.spawn(move || run(group))).collect();
            threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        Ok(groups.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// What the `i`-th penalty was worth over all folds.
    fn score(&self, paths: &[Vec<PathPoint>], i: usize, l2: f64) -> CvScore {
        let loss: f64 = paths.iter().map(|path| path[i].loss).sum();
        let n_correct: usize = paths.iter().map(|path| path[i].n_correct).sum();
        let total: f64 = self.weights.iter().sum();
        CvScore { l2, loss: loss / total, accuracy: n_correct as f64 / self.labels.len() as f64 }
    }

    /// The head of a minimum.
    fn finish(&self, minimum: &Minimum, l2: f64, scores: Vec<CvScore>) -> Result<LogisticFit, HeadError> {
        let weights = Tensor::f_from_slice(&minimum.x)?.f_reshape([self.n_classes as i64, -1])?;
        let (weight, bias) = self.space.to_features(&weights)?;
        let config = HeadConfig::linear(weight.size()[1] as usize, self.n_classes);
        let tensors = [("layers.0.weight".to_owned(), weight), ("layers.0.bias".to_owned(), bias)];
        Ok(LogisticFit {
            head: Head::from_tensors(&config, tensors.into())?,
            l2,
            objective: minimum.value,
            n_iterations: minimum.n_iterations,
            converged: minimum.converged,
            scores,
        })
    }
}

/// The rows that a fold's fit has not seen.
struct HeldOut<'a> {
    labels: &'a [usize],
    targets: &'a [f32],
    n_classes: usize,
    folds: &'a [usize],
    fold: usize,
}

/// One fold's fits, each from the one before.
fn path(problem: &Problem, held_out: &HeldOut<'_>, l2s: &[f64]) -> Result<Vec<PathPoint>, HeadError> {
    let mut weights = problem.zeros();
    let mut points = Vec::with_capacity(l2s.len());
    for &l2 in l2s {
        weights = problem.solve(weights, l2, ROUGH)?.x;
        points.push(held_out.point(problem, weights.clone())?);
    }
    Ok(points)
}

impl HeldOut<'_> {
    fn point(&self, problem: &Problem, weights: Vec<f64>) -> Result<PathPoint, HeadError> {
        let log_p = tl_torch::to_vec_f32(&problem.log_probabilities(&weights)?)?;
        let (mut loss, mut n_correct) = (0.0, 0);
        let rows = log_p.chunks_exact(self.n_classes).zip(self.targets.chunks_exact(self.n_classes)).enumerate();
        for (row, (log_p, targets)) in rows.filter(|(row, _)| self.folds[*row] == self.fold) {
            loss -= log_p.iter().zip(targets).map(|(p, t)| f64::from(p * t)).sum::<f64>();
            let best = (1..log_p.len()).fold(0, |best, i| if log_p[i] > log_p[best] { i } else { best });
            n_correct += usize::from(best == self.labels[row]);
        }
        Ok(PathPoint { weights, loss, n_correct })
    }
}

/// The mean of vectors of one length.
fn mean<'a>(vectors: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let n = vectors.len() as f64;
    let add = |sum: Vec<f64>, v: &[f64]| {
        if sum.is_empty() { v.to_vec() } else { sum.iter().zip(v).map(|(a, b)| a + b).collect() }
    };
    vectors.fold(Vec::new(), add).into_iter().map(|sum| sum / n).collect()
}

fn check_table(features: &Tensor, labels: &[usize], n_classes: usize) -> Result<(), HeadError> {
    let found = features.size();
    if labels.is_empty() || found.len() != 2 || found[0] != labels.len() as i64 || found[1] == 0 {
        return Err(HeadError::Shape {
            what: "features",
            expected: format!("[{}, F] and not be empty", labels.len()),
            found,
        });
    }
    if n_classes < 2 {
        return Err(HeadError::Option { name: "number of classes", value: n_classes.to_string(), range: "2 or more" });
    }
    if let Some((row, &label)) = labels.iter().enumerate().find(|(_, label)| **label >= n_classes) {
        return Err(HeadError::Label { row, label, n_classes });
    }
    // A sum is finite only where every value is, or so large that it would overflow the fit as well.
    if !features.f_sum(Kind::Double)?.f_double_value(&[])?.is_finite() {
        return Err(HeadError::NotFinite { what: "features" });
    }
    Ok(())
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

fn check_choice(choice: &CrossValidation, n_rows: usize) -> Result<(), HeadError> {
    choice.l2s.iter().try_for_each(|&l2| check_l2(l2))?;
    if choice.l2s.is_empty() {
        return Err(HeadError::Option { name: "l2s", value: "empty".to_owned(), range: "at least one penalty" });
    }
    if choice.n_folds < 2 || choice.n_folds > n_rows {
        let value = choice.n_folds.to_string();
        return Err(HeadError::Option {
            name: "number of folds",
            value,
            range: "2 or more and at most the number of rows",
        });
    }
    Ok(())
}
