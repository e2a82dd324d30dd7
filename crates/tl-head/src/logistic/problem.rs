//! The function that is minimised.

use tch::{Kind, Tensor};

use crate::{
    error::HeadError,
    lbfgs::{Minimum, Stop, minimise},
    loss::LossOptions,
};

/// Cross-entropy of some rows plus a ridge penalty, as a function of the weights.
///
/// Rows that are held out have targets of zero: they add nothing, and nothing has to be copied to leave them out.
pub(super) struct Problem {
    /// Coordinates `[N, P + 1] f32`, the last column 1.
    rows: Tensor,
    /// What each row asks of each class, `[N, K] f32`.
    targets: Tensor,
    /// Sum of each row's targets, `[N, 1] f32`.
    mass: Tensor,
    /// Sum of the rows' weights.
    total: f64,
    /// Variance of each coordinate but the last.
    variances: Vec<f64>,
    n_classes: usize,
}

/// `[N, K]` row-major targets of `labels`: class weight times smoothed one-hot, as PyTorch defines their interplay.
pub(super) fn targets(labels: &[usize], n_classes: usize, loss: &LossOptions) -> Vec<f32> {
    let weight = |class: usize| loss.class_weights.as_ref().map_or(1.0, |weights| weights[class]);
    let off = loss.label_smoothing as f32 / n_classes as f32;
    let on = 1.0 - loss.label_smoothing as f32 + off;
    let value = |label, class| weight(class) * if class == label { on } else { off };
    labels.iter().flat_map(|&label| (0..n_classes).map(move |class| value(label, class))).collect()
}

impl Problem {
    /// `targets` are `[N, K]`, with zeros in the rows to leave out; `total` is the weight of the others.
    pub(super) fn new(rows: &Tensor, targets: &[f32], total: f64, variances: &[f64]) -> Result<Self, HeadError> {
        let n = rows.size()[0];
        let n_classes = targets.len() / n as usize;
        let targets = tl_torch::tensor_from_f32(targets, &[n, n_classes as i64])?;
        let mass = targets.f_sum_dim_intlist(1, true, Kind::Float)?;
        Ok(Self { rows: rows.shallow_clone(), targets, mass, total, variances: variances.to_vec(), n_classes })
    }

    /// Weights of no opinion.
    pub(super) fn zeros(&self) -> Vec<f64> {
        vec![0.0; self.n_classes * (self.variances.len() + 1)]
    }

    /// The minimum at penalty `l2`, from the weights `start`: `[K, P + 1]` row-major.
    pub(super) fn solve(&self, start: Vec<f64>, l2: f64, stop: Stop) -> Result<Minimum, HeadError> {
        let curvature = self.curvature(&start, l2)?;
        minimise(start, &curvature, stop, |weights| self.value(weights, l2))
    }

    /// Log-probabilities `[N, K] f32` of all rows, also those left out.
    pub(super) fn log_probabilities(&self, weights: &[f64]) -> Result<Tensor, HeadError> {
        let weights: Vec<f32> = weights.iter().map(|&w| w as f32).collect();
        let shape = [self.n_classes as i64, self.variances.len() as i64 + 1];
        let weights = tl_torch::tensor_from_f32(&weights, &shape)?;
        Ok(self.rows.f_linear::<Tensor>(&weights, None)?.f_log_softmax(1, Kind::Float)?)
    }

    /// Objective and gradient.
    fn value(&self, weights: &[f64], l2: f64) -> Result<(f64, Vec<f64>), HeadError> {
        let log_p = self.log_probabilities(weights)?;
        let loss = -log_p.f_mul(&self.targets)?.f_sum(Kind::Double)?.f_double_value(&[])? / self.total;
        let residual = log_p.f_exp()?.f_mul_(&self.mass)?.f_sub_(&self.targets)?;
        // As [K, N] times [N, P + 1]: the other order reads the rows against their grain.
        let gradient = tl_torch::to_vec_f32(&residual.f_tr()?.f_matmul(&self.rows)?)?;
        let mut gradient: Vec<f64> = gradient.into_iter().map(|g| f64::from(g) / self.total).collect();
        let mut squares = 0.0;
        for (gradient, weights) in self.penalised(&mut gradient).zip(self.penalised_of(weights)) {
            gradient.iter_mut().zip(weights).for_each(|(g, w)| *g += l2 * w);
            squares += weights.iter().map(|w| w * w).sum::<f64>();
        }
        Ok((loss + l2 / 2.0 * squares, gradient))
    }

    /// The Hessian's diagonal if a row's uncertainty had nothing to do with its place.
    ///
    /// Along a component it is the class's mean `p (1 - p)` times the component's variance. The factor makes it
    /// right for weights that sum to zero over the classes, which are those that matter.
    fn curvature(&self, weights: &[f64], l2: f64) -> Result<Vec<f64>, HeadError> {
        let p = self.log_probabilities(weights)?.f_exp_()?;
        let uncertainty = p.f_sub(&p.f_mul(&p)?)?.f_mul_(&self.mass)?;
        let sums = tl_torch::to_vec_f32(&uncertainty.f_sum_dim_intlist(0, false, Kind::Float)?)?;
        let factor = self.n_classes as f64 / (self.n_classes as f64 - 1.0).max(1.0) / self.total;
        // A floor, so that a class without doubts does not take infinite steps.
        let classes = sums.into_iter().map(|sum| (f64::from(sum) * factor).max(1e-6));
        let of_class = |c: f64| self.variances.iter().map(move |v| c * v + l2).chain(std::iter::once(c));
        Ok(classes.flat_map(of_class).collect())
    }

    /// Each class's weights without its bias, which is not penalised.
    fn penalised_of<'a>(&self, weights: &'a [f64]) -> impl Iterator<Item = &'a [f64]> + use<'a> {
        let n = self.variances.len();
        weights.chunks_exact(n + 1).map(move |class| &class[..n])
    }

    fn penalised<'a>(&self, weights: &'a mut [f64]) -> impl Iterator<Item = &'a mut [f64]> + use<'a> {
        let n = self.variances.len();
        weights.chunks_exact_mut(n + 1).map(move |class| &mut class[..n])
    }
}
