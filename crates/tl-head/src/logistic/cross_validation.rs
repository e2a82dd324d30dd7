//! The penalty that does best on rows held out.

use std::{
    collections::BTreeSet,
    panic::resume_unwind,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use super::{
    LogisticFit, LogisticOptions, check_l2, folds::stratified_folds, problem::Problem, rows::Rows, table::Table,
};
use crate::{error::HeadError, lbfgs::Stop};

/// How the penalty is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossValidation {
    /// The penalties to try, from the strongest to the weakest: each fit starts from the one before.
    pub l2s: Vec<f64>,
    /// Parts that are held out in turn, 2 or more.
    pub n_folds: usize,
    /// Decides which row is held out when.
    pub seed: u64,
    /// Rows of each photo: of `N` rows the first `N / n_views` are the photos, and every `N / n_views` rows further
    /// on come views of the same photos in the same order. Views are held out with their photo, and only photos
    /// are tested on.
    pub n_views: usize,
    /// A number for each photo, of which those with the same are held out together, as copies of one picture must be: else
    /// the fits know what they are tested on. Empty, each photo goes by itself.
    pub groups: Vec<usize>,
}

impl Default for CrossValidation {
    /// Nine penalties from 10 to 0.001, two to a factor of ten; five folds.
    fn default() -> Self {
        let l2s = (0..9).map(|i| 10f64.powf(1.0 - f64::from(i) / 2.0)).collect();
        Self { l2s, n_folds: 5, seed: 0, n_views: 1, groups: Vec::new() }
    }
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

/// The same with the penalty that does best on rows held out.
///
/// Every class is dealt out over the folds; the penalty with the lowest mean loss on the rows held out is
/// taken, the stronger of two that tie, and the head is fitted with it to all rows. A class with a single row is
/// never both learned and tested; it counts all the same. Setting `stop` ends the work after the fits that have begun.
///
/// # Errors
/// [`HeadError::Stopped`] when `stop` was set; as [`crate::fit_logistic`], and [`HeadError::Option`] without a penalty to
/// try, or where the rows cannot be parted into such views and folds; [`HeadError::Shape`] for groups of another number.
pub fn fit_logistic_cv(
    features: &[f32],
    labels: &[usize],
    n_classes: usize,
    choice: &CrossValidation,
    options: &LogisticOptions,
    stop: &AtomicBool,
) -> Result<LogisticFit, HeadError> {
    check_choice(choice, labels.len())?;
    let rows = Rows::new(features, labels.len())?;
    fit_cv(&Table::new(&rows, labels, n_classes, &options.loss)?, choice, options, stop)
}

/// The same for a table; `choice` must have been checked.
pub(super) fn fit_cv(
    table: &Table<'_>,
    choice: &CrossValidation,
    options: &LogisticOptions,
    stop: &AtomicBool,
) -> Result<LogisticFit, HeadError> {
    let n_photos = table.labels.len() / choice.n_views;
    let labels = &table.labels[..n_photos];
    let folds = stratified_folds(labels, &choice.groups, table.n_classes, choice.n_folds, choice.seed);
    let folds = folds.repeat(choice.n_views);
    let paths = paths(table, &folds, choice, options.n_threads, stop)?;
    let scores: Vec<CvScore> =
        (0..choice.l2s.len()).map(|i| score(table, &paths, i, choice.l2s[i], n_photos)).collect();
    let best = (0..scores.len()).fold(0, |best, i| if scores[i].loss < scores[best].loss { i } else { best });
    let start = mean(paths.iter().map(|path| path[best].weights.as_slice()));
    let minimum = table.problem(|_| true).solve(start, choice.l2s[best], options.stop())?;
    table.finish(&minimum, choice.l2s[best], scores)
}

/// Rough fits are enough to compare penalties, whose losses differ by far more than this.
const ROUGH: Stop = Stop { tolerance: 1e-6, max_iterations: 100 };

/// A fold's fit at one penalty.
struct PathPoint {
    weights: Vec<f64>,
    /// Summed loss of the rows held out.
    loss: f64,
    n_correct: usize,
}

/// Every fold's fits along the penalties, the folds side by side on `n_threads` threads.
fn paths(
    table: &Table<'_>,
    folds: &[usize],
    choice: &CrossValidation,
    n_threads: usize,
    stop: &AtomicBool,
) -> Result<Vec<Vec<PathPoint>>, HeadError> {
    let fits = (0..choice.n_folds).map(|fold| (fold, table.problem(|row| folds[row] != fold)));
    let fits: Vec<(usize, Problem<'_>)> = fits.collect();
    let n_each = choice.n_folds.div_ceil(n_threads.clamp(1, choice.n_folds));
    let (labels, targets, n_classes) = (table.labels, &table.targets, table.n_classes);
    let n_photos = labels.len() / choice.n_views;
    let run = |fits: &[(usize, Problem<'_>)]| -> Result<Vec<_>, HeadError> {
        let held_out = |fold| HeldOut { labels, targets, n_classes, folds, fold, n_photos };
        fits.iter().map(|(fold, problem)| path(problem, &held_out(*fold), &choice.l2s, stop)).collect()
    };
    let groups: Vec<Result<Vec<_>, HeadError>> = thread::scope(|scope| {
        let threads: Vec<_> = fits.chunks(n_each).map(|group| scope.spawn(move || run(group))).collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    Ok(groups.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// What the `i`-th penalty was worth over all folds.
fn score(table: &Table<'_>, paths: &[Vec<PathPoint>], i: usize, l2: f64, n_photos: usize) -> CvScore {
    let loss: f64 = paths.iter().map(|path| path[i].loss).sum();
    let n_correct: usize = paths.iter().map(|path| path[i].n_correct).sum();
    let total: f64 = table.weights[..n_photos].iter().sum();
    CvScore { l2, loss: loss / total, accuracy: n_correct as f64 / n_photos as f64 }
}

/// The rows that a fold's fit has not seen.
struct HeldOut<'a> {
    labels: &'a [usize],
    targets: &'a [f32],
    n_classes: usize,
    folds: &'a [usize],
    fold: usize,
    n_photos: usize,
}

/// One fold's fits, each from the one before.
fn path(
    problem: &Problem<'_>,
    held_out: &HeldOut<'_>,
    l2s: &[f64],
    stop: &AtomicBool,
) -> Result<Vec<PathPoint>, HeadError> {
    let mut weights = problem.zeros();
    let mut points = Vec::with_capacity(l2s.len());
    for &l2 in l2s {
        if stop.load(Ordering::Relaxed) {
            return Err(HeadError::Stopped);
        }
        weights = problem.solve(weights, l2, ROUGH)?.x;
        points.push(held_out.point(problem, weights.clone())?);
    }
    Ok(points)
}

impl HeldOut<'_> {
    fn point(&self, problem: &Problem<'_>, weights: Vec<f64>) -> Result<PathPoint, HeadError> {
        let log_p = problem.log_probabilities(&weights)?;
        let (mut loss, mut n_correct) = (0.0, 0);
        let rows = log_p
            .chunks_exact(self.n_classes)
            .zip(self.targets.chunks_exact(self.n_classes))
            .enumerate()
            .take(self.n_photos);
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

pub(super) fn check_choice(choice: &CrossValidation, n_rows: usize) -> Result<(), HeadError> {
    choice.l2s.iter().try_for_each(|&l2| check_l2(l2))?;
    if choice.l2s.is_empty() {
        return Err(HeadError::Option { name: "l2s", value: "empty".to_owned(), range: "at least one penalty" });
    }
    if choice.n_views == 0 || !n_rows.is_multiple_of(choice.n_views) {
        let value = choice.n_views.to_string();
        return Err(HeadError::Option {
            name: "number of views",
            value,
            range: "1 or more, a divisor of the number of rows",
        });
    }
    let n_photos = n_rows / choice.n_views;
    if !choice.groups.is_empty() && choice.groups.len() != n_photos {
        let (expected, found) = (format!("[{n_photos}], or none"), vec![choice.groups.len() as i64]);
        return Err(HeadError::Shape { what: "groups", expected, found });
    }
    let n_units = match choice.groups.is_empty() {
        true => n_photos,
        false => choice.groups.iter().collect::<BTreeSet<_>>().len(),
    };
    if choice.n_folds < 2 || choice.n_folds > n_units {
        let value = choice.n_folds.to_string();
        return Err(HeadError::Option {
            name: "number of folds",
            value,
            range: "2 or more and at most the number of rows, or of their groups",
        });
    }
    Ok(())
}
