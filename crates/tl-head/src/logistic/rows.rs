//! Features as a fit takes them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tl_kernels::{Aligned, Matrix, multiply, transpose};
use tl_torch::Array;

use super::cholesky::Cholesky;
use crate::{config::HeadConfig, error::HeadError, head::Head};

/// Features that were centred and divided by one number, so that their mean variance is 1, and a column of ones.
///
/// One number for all, and not one per feature: a feature of a pretrained network that hardly moves has little to
/// say, and scaling it up adds noise.
pub(super) struct Rows {
    pub(super) n: usize,
    /// Features.
    pub(super) width: usize,
    mean: Vec<f64>,
    /// Root of the mean variance; 1 where nothing varies.
    scale: f64,
    /// `[n, width + 1]`, the last column 1.
    pub(super) values: Aligned,
    /// `[width + 1, n]`.
    pub(super) turned: Aligned,
    /// Products of the rows where they are fewer than features, `[n, n]`; else those of the features, `[width, width]`.
    products: Aligned,
    /// Factors that were asked for, by the binary logarithm of their ridge.
    factors: Mutex<BTreeMap<i32, Arc<Cholesky>>>,
}

/// No ridge is taken for smaller than this: in f32 the rest would be rounding.
const LEAST_RIDGE: f64 = 1e-4;

impl Rows {
    /// Of features `[n, F]`, row by row.
    pub(super) fn new(features: &[f32], n: usize) -> Result<Self, HeadError> {
        check(features, n)?;
        let width = features.len() / n;
        let mut mean = vec![0.0; width];
        for row in features.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(mean, &x)| *mean += f64::from(x) / n as f64);
        }
        let (scale, mut values, mut turned) =
            (scale(features, &mean), Aligned::zeros(n * (width + 1)), Aligned::default());
        for (row, to) in features.chunks_exact(width).zip(values.chunks_exact_mut(width + 1)) {
            to[width] = 1.0;
            to.iter_mut().zip(row.iter().zip(&mean)).for_each(|(to, (&x, mean))| {
                *to = ((f64::from(x) - mean) / scale) as f32;
            });
        }
        transpose(&values, width + 1, &mut turned);
        let products = products(n, width, &values, &turned)?;
        Ok(Self { n, width, mean, scale, values, turned, products, factors: Mutex::default() })
    }

    /// Divides each row of `vectors` `[K, width + 1]` by the covariance of the features plus `ridge` on its diagonal, and
    /// what belongs to the ones by 1. The ridge is rounded to a power of two.
    ///
    /// With fewer rows than features by the matrix inversion lemma: `(v - Xᵀ (n ridge + X Xᵀ)⁻¹ X v) / ridge`.
    pub(super) fn divide(&self, vectors: &[f64], ridge: f64) -> Result<Vec<f64>, HeadError> {
        let (n, width) = (self.n, self.width);
        let exponent = ridge.max(LEAST_RIDGE).log2().round() as i32;
        let (factor, ridge) = (self.factor(exponent)?, 2f64.powi(exponent));
        let mut divided = vectors.to_vec();
        if n >= width {
            for row in divided.chunks_exact_mut(width + 1) {
                let mut x: Vec<f32> = row[..width].iter().map(|&x| x as f32).collect();
                factor.solve(&mut x);
                row.iter_mut().zip(x).for_each(|(row, x)| *row = f64::from(x));
            }
            return Ok(divided);
        }
        let n_vectors = vectors.len() / (width + 1);
        let left: Vec<f32> = vectors.iter().map(|&x| x as f32).collect();
        let (mut by_row, mut back) = (Aligned::zeros(n_vectors * n), Aligned::zeros(n_vectors * (width + 1)));
        let left = Matrix { values: &left, shape: [n_vectors, width], row_step: width + 1, column_step: 1 };
        multiply(left, &self.turned[..width * n], &mut by_row)?;
        by_row.chunks_exact_mut(n).for_each(|row| factor.solve(row));
        let left = Matrix { values: &by_row, shape: [n_vectors, n], row_step: n, column_step: 1 };
        multiply(left, &self.values, &mut back)?;
        for (row, back) in divided.chunks_exact_mut(width + 1).zip(back.chunks_exact(width + 1)) {
            let features = row[..width].iter_mut().zip(back);
            features.for_each(|(x, &back)| *x = (*x - f64::from(back)) / ridge);
        }
        Ok(divided)
    }

    fn factor(&self, exponent: i32) -> Result<Arc<Cholesky>, HeadError> {
        // Held until it is there: another thread would compute the same.
        let mut factors = self.factors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(factor) = factors.get(&exponent) {
            return Ok(Arc::clone(factor));
        }
        let (n, ridge) = (self.n as f32, 2f32.powi(exponent));
        let by_rows = self.n < self.width;
        let side = self.n.min(self.width);
        let mut matrix = Aligned::from(&*self.products);
        if !by_rows {
            matrix.iter_mut().for_each(|x| *x /= n);
        }
        (0..side).for_each(|i| matrix[i * side + i] += if by_rows { n * ridge } else { ridge });
        let factor = Arc::new(Cholesky::new(matrix, side)?);
        factors.insert(exponent, Arc::clone(&factor));
        Ok(factor)
    }

    /// The head, for features as they come, of weights `[K, width + 1]` on these.
    pub(super) fn head(&self, weights: &[f64]) -> Result<Head, HeadError> {
        let (width, n_classes) = (self.width, weights.len() / (self.width + 1));
        let (mut weight, mut bias) = (Vec::with_capacity(weights.len()), Vec::with_capacity(n_classes));
        for class in weights.chunks_exact(width + 1) {
            weight.extend(class[..width].iter().map(|w| (w / self.scale) as f32));
            let shift: f64 = class.iter().zip(&self.mean).map(|(w, mean)| w / self.scale * mean).sum();
            bias.push((class[width] - shift) as f32);
        }
        let arrays = [
            ("layers.0.weight".to_owned(), Array::new(weight, &[n_classes, width])?),
            ("layers.0.bias".to_owned(), Array::new(bias, &[n_classes])?),
        ];
        Head::from_arrays(&HeadConfig::linear(width, n_classes), arrays.into())
    }
}

/// Of the rows or of the features, whichever are fewer.
fn products(n: usize, width: usize, values: &[f32], turned: &[f32]) -> Result<Aligned, HeadError> {
    if n < width {
        let mut products = Aligned::zeros(n * n);
        let left = Matrix { values, shape: [n, width], row_step: width + 1, column_step: 1 };
        multiply(left, &turned[..width * n], &mut products)?;
        return Ok(products);
    }
    let (mut products, mut with_ones) = (Aligned::zeros(width * width), Aligned::zeros(width * (width + 1)));
    multiply(Matrix { values: turned, shape: [width, n], row_step: n, column_step: 1 }, values, &mut with_ones)?;
    for (to, from) in products.chunks_exact_mut(width).zip(with_ones.chunks_exact(width + 1)) {
        to.copy_from_slice(&from[..width]);
    }
    Ok(products)
}

/// Root of the mean variance, 1 where it is no more than rounding of the features.
fn scale(features: &[f32], mean: &[f64]) -> f64 {
    let (mut variance, mut square) = (0.0, 0.0);
    for row in features.chunks_exact(mean.len()) {
        for (&x, mean) in row.iter().zip(mean) {
            variance += (f64::from(x) - mean).powi(2);
            square += f64::from(x).powi(2);
        }
    }
    if variance > 1e-12 * square { (variance / features.len() as f64).sqrt() } else { 1.0 }
}

fn check(features: &[f32], n: usize) -> Result<(), HeadError> {
    if n == 0 || features.is_empty() || !features.len().is_multiple_of(n) {
        let (expected, found) = (format!("[{n}, F] and not be empty"), vec![features.len() as i64]);
        return Err(HeadError::Shape { what: "features", expected, found });
    }
    match features.iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err(HeadError::NotFinite { what: "features" }),
    }
}
