//! The function that is minimised.

use tl_kernels::{Aligned, Matrix, multiply, transpose};

use super::rows::Rows;
use crate::{
    error::HeadError,
    lbfgs::{Minimum, Stop, minimise},
    loss::LossOptions,
};

/// Cross-entropy of some rows plus a ridge penalty, as a function of the weights `[K, F + 1]`, the last of each class
/// its bias.
///
/// Rows that are held out have targets of zero: they add nothing, and nothing has to be copied to leave them out.
pub(super) struct Problem<'a> {
    rows: &'a Rows,
    /// What each row asks of each class, `[K, N]`.
    targets: Aligned,
    /// Sum of each row's targets.
    mass: Vec<f32>,
    /// Sum of the rows' weights.
    total: f64,
    n_classes: usize,
}

/// Probabilities of each class for each row, `[K, N]`, and their logarithms.
struct Answers {
    p: Aligned,
    log_p: Aligned,
}

/// `[N, K]` row-major targets of `labels`: class weight times smoothed one-hot, as PyTorch defines their interplay.
pub(super) fn targets(labels: &[usize], n_classes: usize, loss: &LossOptions) -> Vec<f32> {
    let weight = |class: usize| loss.class_weights.as_ref().map_or(1.0, |weights| weights[class]);
    let off = loss.label_smoothing as f32 / n_classes as f32;
    let on = 1.0 - loss.label_smoothing as f32 + off;
    let value = |label, class| weight(class) * if class == label { on } else { off };
    labels.iter().flat_map(|&label| (0..n_classes).map(move |class| value(label, class))).collect()
}

impl<'a> Problem<'a> {
    /// `targets` are `[N, K]`, with zeros in the rows to leave out; `total` is the weight of the others.
    pub(super) fn new(rows: &'a Rows, targets: &[f32], total: f64) -> Self {
        let n_classes = targets.len() / rows.n;
        let mass = targets.chunks_exact(n_classes).map(|row| row.iter().sum()).collect();
        let mut turned = Aligned::default();
        transpose(targets, n_classes, &mut turned);
        Self { rows, targets: turned, mass, total, n_classes }
    }

    /// Weights of no opinion.
    pub(super) fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.n_classes * (self.rows.width + 1)]
    }

    /// The minimum at penalty `l2`, from the weights `start`.
    pub(super) fn solve(&self, start: Vec<f64>, l2: f64, stop: Stop) -> Result<Minimum, HeadError> {
        let curvature = self.curvature(&start)?;
        let precondition = |vectors: &[f64]| {
            let mut divided = self.rows.divide(vectors, l2 / curvature)?;
            for x in &mut divided {
                *x /= curvature;
            }
            Ok(divided)
        };
        minimise(start, precondition, stop, |weights| self.value(weights, l2))
    }

    /// Log-probabilities `[N, K]` of all rows, also those left out.
    pub(super) fn log_probabilities(&self, weights: &[f64]) -> Result<Aligned, HeadError> {
        let mut turned = Aligned::default();
        transpose(&self.answers(weights)?.log_p, self.rows.n, &mut turned);
        Ok(turned)
    }

    fn answers(&self, weights: &[f64]) -> Result<Answers, HeadError> {
        let Rows { n, width, turned, .. } = self.rows;
        let weights: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
        let (mut log_p, mut p) = (Aligned::zeros(self.n_classes * n), Aligned::zeros(self.n_classes * n));
        let left = Matrix { values: &weights, shape: [self.n_classes, width + 1], row_step: width + 1, column_step: 1 };
        multiply(left, turned, &mut log_p)?;
        // A class after the other, for all rows at once.
        let (mut largest, mut sums) = (vec![f32::NEG_INFINITY; *n], vec![0.0; *n]);
        for class in log_p.chunks_exact(*n) {
            largest.iter_mut().zip(class).for_each(|(largest, &z)| *largest = largest.max(z));
        }
        for (class, p) in log_p.chunks_exact_mut(*n).zip(p.chunks_exact_mut(*n)) {
            for (((z, p), largest), sum) in class.iter_mut().zip(p).zip(&largest).zip(&mut sums) {
                *z -= largest;
                *p = z.exp();
                *sum += *p;
            }
        }
        for (class, p) in log_p.chunks_exact_mut(*n).zip(p.chunks_exact_mut(*n)) {
            class.iter_mut().zip(&sums).for_each(|(z, sum)| *z -= sum.ln());
            p.iter_mut().zip(&sums).for_each(|(p, sum)| *p /= sum);
        }
        Ok(Answers { p, log_p })
    }

    /// Objective and gradient.
    fn value(&self, weights: &[f64], l2: f64) -> Result<(f64, Vec<f64>), HeadError> {
        let Rows { n, width, values, .. } = self.rows;
        let Answers { p: mut residual, log_p } = self.answers(weights)?;
        let terms = log_p.iter().zip(&*self.targets).map(|(log_p, target)| f64::from(log_p * target));
        let loss = -terms.sum::<f64>() / self.total;
        for (class, targets) in residual.chunks_exact_mut(*n).zip(self.targets.chunks_exact(*n)) {
            let rows = class.iter_mut().zip(targets).zip(&self.mass);
            rows.for_each(|((p, target), mass)| *p = *p * mass - target);
        }
        let mut gradient = Aligned::zeros(weights.len());
        let left = Matrix { values: &residual, shape: [self.n_classes, *n], row_step: *n, column_step: 1 };
        multiply(left, values, &mut gradient)?;
        let mut gradient: Vec<f64> = gradient.iter().map(|&g| f64::from(g) / self.total).collect();
        let mut squares = 0.0;
        for (gradient, weights) in gradient.chunks_exact_mut(width + 1).zip(weights.chunks_exact(width + 1)) {
            // The bias is free.
            for (g, w) in gradient.iter_mut().zip(weights).take(*width) {
                *g += l2 * w;
                squares += w * w;
            }
        }
        Ok((loss + l2 / 2.0 * squares, gradient))
    }

    /// The mean class's `p (1 - p)`: along a feature the Hessian is that times the feature's variance, if a row's
    /// uncertainty had nothing to do with its place. The factor makes it right for weights that sum to zero over the
    /// classes, which are those that matter.
    fn curvature(&self, weights: &[f64]) -> Result<f64, HeadError> {
        let Answers { p, .. } = self.answers(weights)?;
        let of_class = |p: &[f32]| p.iter().zip(&self.mass).map(|(p, mass)| f64::from((p - p * p) * mass)).sum::<f64>();
        let sum: f64 = p.chunks_exact(self.rows.n).map(of_class).sum();
        // A floor, so that a head without doubts does not take infinite steps.
        Ok((sum / self.total / (self.n_classes as f64 - 1.0).max(1.0)).max(1e-6))
    }
}
