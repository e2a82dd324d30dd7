//! Solving with a symmetric, positive definite matrix.

use tl_kernels::{Aligned, Matrix, multiply, transpose};

use crate::error::HeadError;

/// Columns that are found at a time; all that is left of them is products.
const BLOCK: usize = 64;
/// A pivot below this part of the largest number on the diagonal is rounding.
const NEGLIGIBLE: f32 = 1e-6;

/// The lower triangle `L` of `L Lᵀ`, f32: enough to guess with.
#[derive(Debug)]
pub(super) struct Cholesky {
    n: usize,
    /// `[n, n]`, row by row; what is above the diagonal is of no use.
    lower: Aligned,
}

impl Cholesky {
    /// Of the symmetric matrix `[n, n]`, row by row (Golub and Van Loan 2013, algorithm 4.2.3, in blocks). Pivots that
    /// rounding took are put back.
    pub(super) fn new(mut matrix: Aligned, n: usize) -> Result<Self, HeadError> {
        let largest = (0..n).map(|i| matrix[i * n + i]).fold(f32::MIN_POSITIVE, f32::max);
        for first in (0..n).step_by(BLOCK) {
            let width = BLOCK.min(n - first);
            subtract_known(&mut matrix, n, first, width)?;
            for column in first..first + width {
                let own: Vec<f32> = matrix[column * n + first..=column * n + column].to_vec();
                let (known, pivot) = (&own[..column - first], own[column - first]);
                let pivot = pivot - dot(known, known);
                let root = pivot.max(largest * NEGLIGIBLE).sqrt();
                matrix[column * n + column] = root;
                for row in matrix[(column + 1) * n..].chunks_exact_mut(n) {
                    row[column] = (row[column] - dot(&row[first..column], known)) / root;
                }
            }
        }
        Ok(Self { n, lower: matrix })
    }

    /// Divides `x` by the matrix.
    pub(super) fn solve(&self, x: &mut [f32]) {
        let n = self.n;
        for i in 0..n {
            let row = &self.lower[i * n..=i * n + i];
            x[i] = (x[i] - dot(&row[..i], &x[..i])) / row[i];
        }
        for i in (0..n).rev() {
            let row = &self.lower[i * n..=i * n + i];
            x[i] /= row[i];
            let own = x[i];
            x[..i].iter_mut().zip(row).for_each(|(x, a)| *x -= own * a);
        }
    }
}

/// In sixteen sums, which processors add up side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, b) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    let mut sums = [0.0; 16];
    for (a, b) in a.0.iter().zip(b.0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + a.1.iter().zip(b.1).map(|(a, b)| a * b).sum::<f32>()
}

/// Takes what the columns before `first` say off the `width` columns from there on.
fn subtract_known(matrix: &mut [f32], n: usize, first: usize, width: usize) -> Result<(), HeadError> {
    if first == 0 {
        return Ok(());
    }
    let own: Vec<f32> = (first..first + width).flat_map(|row| matrix[row * n..][..first].iter().copied()).collect();
    let (mut turned, mut product) = (Aligned::default(), Aligned::zeros((n - first) * width));
    transpose(&own, first, &mut turned);
    let left = Matrix { values: &matrix[first * n..], shape: [n - first, first], row_step: n, column_step: 1 };
    multiply(left, &turned, &mut product)?;
    for (row, known) in matrix[first * n..].chunks_exact_mut(n).zip(product.chunks_exact(width)) {
        row[first..first + width].iter_mut().zip(known).for_each(|(x, known)| *x -= known);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solving_undoes_multiplying() {
        for n in [1, 5, 64, 65, 200] {
            // A random square plus a ridge.
            let rows: Vec<f64> = (0..n * n).map(|i| ((i * 7919) % 1009) as f64 / 504.5 - 1.0).collect();
            let entry = |i: usize, j: usize| (0..n).map(|k| rows[i * n + k] * rows[j * n + k]).sum::<f64>();
            let matrix = |i, j| entry(i, j) + if i == j { n as f64 } else { 0.0 };
            let x: Vec<f64> = (0..n).map(|i| (i as f64).cos()).collect();
            let y = (0..n).map(|i| (0..n).map(|j| matrix(i, j) * x[j]).sum::<f64>());
            let values: Vec<f32> = (0..n * n).map(|place| matrix(place / n, place % n) as f32).collect();
            let mut found: Vec<f32> = y.map(|y| y as f32).collect();
            Cholesky::new(Aligned::from(values.as_slice()), n).unwrap().solve(&mut found);
            for (found, wanted) in found.iter().zip(&x) {
                assert!((f64::from(*found) - wanted).abs() < 1e-3, "{found} is not {wanted}");
            }
        }
    }

    #[test]
    fn a_matrix_without_an_inverse_gives_numbers_too() {
        let mut x = vec![1.0, 2.0, 3.0];
        Cholesky::new(Aligned::from([1.0; 9].as_slice()), 3).unwrap().solve(&mut x);
        assert!(x.iter().all(|x| x.is_finite()), "{x:?}");
    }
}
