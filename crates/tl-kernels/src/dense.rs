//! Dense layers, one after the other, for programs that only predict.

use crate::{
    aligned::{Aligned, transpose},
    error::{KernelError, check_size},
    matrix::{Matrix, multiply},
};

/// `y = x · weightᵀ + bias` in f32, for `x` `[n, n_inputs]`, `weight` `[n_outputs, n_inputs]` and `bias` `[n_outputs]`:
/// `[n, n_outputs]`, all row by row.
///
/// On the thread of the caller and on any processor. A row has the same bits whatever rows are beside it.
///
/// # Errors
/// [`KernelError::Size`] where rows and weight do not fit the bias.
pub fn dense(x: &[f32], weight: &[f32], bias: &[f32]) -> Result<Vec<f32>, KernelError> {
    let n_outputs = bias.len().max(1);
    let n_inputs = (weight.len() / n_outputs).max(1);
    let n = x.len() / n_inputs;
    check_size("the weight of a dense layer", n_inputs * bias.len(), weight.len())?;
    check_size("the rows of a dense layer", n * n_inputs, x.len())?;
    let mut outputs = Vec::with_capacity(n * bias.len());
    for rows in x.chunks(ROWS * n_inputs) {
        outputs.extend_from_slice(&of_rows(rows, weight, bias, n_inputs)?);
    }
    Ok(outputs)
}

/// Rows that are computed together: wide enough for the kernels, and they stay in a core's cache.
const ROWS: usize = 64;

fn of_rows(rows: &[f32], weight: &[f32], bias: &[f32], n_inputs: usize) -> Result<Aligned, KernelError> {
    let n = rows.len() / n_inputs;
    let (mut x, mut y) = (Aligned::default(), Aligned::zeros(bias.len() * n));
    transpose(rows, n_inputs, &mut x);
    let shape = [bias.len(), n_inputs];
    multiply(Matrix { values: weight, shape, row_step: n_inputs, column_step: 1 }, &x, &mut y)?;
    for (outputs, bias) in y.chunks_exact_mut(n).zip(bias) {
        for y in outputs {
            *y += bias;
        }
    }
    transpose(&y, n, &mut x);
    Ok(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_what_a_loop_gives() {
        let numbers = |n: usize| (0..n).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect::<Vec<f32>>();
        for (n, n_inputs, n_outputs) in [(0, 3, 2), (1, 1, 1), (1, 50, 7), (65, 33, 20)] {
            let (x, weight, bias) = (numbers(n * n_inputs), numbers(n_outputs * n_inputs), numbers(n_outputs));
            let found = dense(&x, &weight, &bias).expect("they fit");
            assert_eq!(found.len(), n * n_outputs);
            for (row, x) in x.chunks(n_inputs).enumerate() {
                for (output, bias) in bias.iter().enumerate() {
                    let weights = &weight[output * n_inputs..][..n_inputs];
                    let wanted = x.iter().zip(weights).map(|(x, w)| x * w).sum::<f32>() + bias;
                    assert!((found[row * n_outputs + output] - wanted).abs() < 1e-4);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(dense(&[0.0; 5], &[0.0; 6], &[0.0; 2]).is_err());
        assert!(dense(&[0.0; 6], &[0.0; 7], &[0.0; 2]).is_err());
    }
}
