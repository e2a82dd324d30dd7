//! Products in loops that a compiler turns into whatever vectors there are.

use crate::matrix::Matrix;

/// Sums that are kept at a time: rows, and columns of them.
const ROWS: usize = 4;
const COLUMNS: usize = 16;

/// Of matrices that fit into their slices, none of them empty.
pub(super) fn multiply(left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
    let n = product.len() / left.shape[0];
    for (i, rows) in product.chunks_mut(ROWS * n).enumerate() {
        for first in (0..n).step_by(COLUMNS) {
            let sums = tile(left, right, n, [i * ROWS, first]);
            for (row, sums) in rows.chunks_mut(n).zip(sums) {
                row[first..].iter_mut().zip(sums).for_each(|(y, sum)| *y = sum);
            }
        }
    }
}

/// The sums from a row and a column on. Beyond the edges of the product they are of no use.
fn tile(left: Matrix<'_>, right: &[f32], n: usize, [first_row, first]: [usize; 2]) -> [[f32; COLUMNS]; ROWS] {
    let [m, k] = left.shape;
    let mut sums = [[0.0; COLUMNS]; ROWS];
    // A row beyond the last is the last once more.
    let starts: [usize; ROWS] = std::array::from_fn(|i| (first_row + i).min(m - 1) * left.row_step);
    for (term, right) in right.chunks_exact(n).take(k).enumerate() {
        let mut line = [0.0; COLUMNS];
        match right.get(first..first + COLUMNS) {
            Some(whole) => line.copy_from_slice(whole),
            None => line.iter_mut().zip(&right[first..]).for_each(|(x, value)| *x = *value),
        }
        for (sums, start) in sums.iter_mut().zip(starts) {
            let value = left.values[start + term * left.column_step];
            sums.iter_mut().zip(line).for_each(|(sum, x)| *sum = add_product(*sum, value, x));
        }
    }
    sums
}

/// In one instruction where every processor of the kind has it; elsewhere that would be a call.
fn add_product(sum: f32, a: f32, b: f32) -> f32 {
    if cfg!(target_arch = "aarch64") { a.mul_add(b, sum) } else { sum + a * b }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_a_loop_gives() {
        let numbers = |n: usize| (0..n).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect::<Vec<f32>>();
        for [m, k, n] in [[1, 1, 1], [3, 5, 17], [4, 64, 16], [9, 33, 40]] {
            let (values, right) = (numbers(m * k + 7), numbers(k * n));
            for [row_step, column_step] in [[k, 1], [1, m]] {
                let left = Matrix { values: &values, shape: [m, k], row_step, column_step };
                let mut product = vec![f32::NAN; m * n];
                multiply(left, &right, &mut product);
                for (place, found) in product.iter().enumerate() {
                    let (i, j) = (place / n, place % n);
                    let term = |t: usize| values[i * row_step + t * column_step] * right[t * n + j];
                    assert!((found - (0..k).map(term).sum::<f32>()).abs() < 1e-4);
                }
            }
        }
    }
}
