//! Products of matrices: what a dense layer and its gradients are.

mod plain;

use crate::{
    Processor,
    error::{KernelError, check_size},
    instructions::Instructions,
    numbers::Numbers,
};

/// A matrix that lies in a slice in whatever order: the value at row `i` and column `j` is
/// `values[i * row_step + j * column_step]`.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// Where its values are, and maybe others.
    pub values: &'a [f32],
    /// Rows and columns.
    pub shape: [usize; 2],
    /// From a row to the next.
    pub row_step: usize,
    /// From a column to the next.
    pub column_step: usize,
}

/// `product = left · right` in f32, for `left` `[m, k]`, and `right` `[k, n]` and `product` `[m, n]` that lie row by row.
///
/// On the thread of the caller, who may cut a product into several: each sum is added up from its first term to its
/// last, so that its bits do not depend on the cut. Where there are no kernels for f32 ([`Numbers::is_supported`]) it is
/// what the compiler makes of loops.
///
/// # Errors
/// [`KernelError::Size`] for a slice without room for its matrix.
pub fn multiply(left: Matrix<'_>, right: &[f32], product: &mut [f32]) -> Result<(), KernelError> {
    product_of(Processor::new(None, Numbers::F32).ok(), left, right, product)
}

/// The same by these instructions; `None` is the fastest that the processor has.
///
/// # Errors
/// As [`multiply`], and [`KernelError::Unsupported`] where there are no kernels for f32 in these instructions.
pub fn multiply_by(
    instructions: Option<Instructions>,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
) -> Result<(), KernelError> {
    product_of(Some(Processor::new(instructions, Numbers::F32)?), left, right, product)
}

/// By the processor's kernels, or without any.
fn product_of(
    processor: Option<Processor>,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
) -> Result<(), KernelError> {
    let [m, k] = left.shape;
    if m == 0 || k == 0 || product.is_empty() {
        product.fill(0.0);
        return Ok(());
    }
    let n = product.len() / m;
    let last = (m - 1).saturating_mul(left.row_step).saturating_add((k - 1).saturating_mul(left.column_step));
    let n_values = last.saturating_add(1);
    check_size("the left matrix", n_values, left.values.len().min(n_values))?;
    check_size("the right matrix", k.saturating_mul(n), right.len())?;
    check_size("the product", m * n, product.len())?;
    match processor {
        Some(processor) => processor.multiply(left, right, product),
        None => plain::multiply(left, right, product),
    }
    Ok(())
}
