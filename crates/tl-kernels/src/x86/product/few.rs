//! Products of a few rows and a large matrix.
#![allow(unsafe_code)]

use std::{array, ops::Range};

use crate::{
    Matrix,
    x86::{lines::LANES, registers::Registers},
};

/// Columns that stay in the nearest cache, and terms that they take in at a time.
const COLUMNS_KEPT: usize = 512;
const TERMS_TOGETHER: usize = 4;

/// The product of few left rows and many columns: the right matrix is read along its rows, once, and the sums are what is read
/// and written again and again.
#[inline(always)]
pub(super) fn few<R: Registers>(r: R, left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
    let [m, k] = left.shape;
    let n = product.len() / m;
    product.fill(0.0);
    for first in (0..n).step_by(COLUMNS_KEPT) {
        let columns = first..n.min(first + COLUMNS_KEPT);
        for term in (0..k / TERMS_TOGETHER).map(|i| i * TERMS_TOGETHER) {
            add_terms::<R, TERMS_TOGETHER>(r, left, right, product, term, columns.clone());
        }
        for term in k / TERMS_TOGETHER * TERMS_TOGETHER..k {
            add_terms::<R, 1>(r, left, right, product, term, columns.clone());
        }
    }
}

/// Adds `T` terms from `first_term` on to some columns of all rows.
#[inline(always)]
fn add_terms<R: Registers, const T: usize>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
    first_term: usize,
    columns: Range<usize>,
) {
    let n = product.len() / left.shape[0];
    for column in columns.clone().step_by(LANES) {
        let n_first = LANES.min(columns.end - column);
        let from = right.as_ptr().wrapping_add(first_term * n + column);
        // SAFETY: rows, terms and columns are within the matrices, which fit into their slices, and of sixteen columns no
        // more than there are is touched.
        unsafe {
            let lines: [_; T] = array::from_fn(|t| r.load_first(n_first, from.wrapping_add(t * n)));
            for row in 0..left.shape[0] {
                let value_at = left.values.as_ptr().wrapping_add(row * left.row_step + first_term * left.column_step);
                let out = product.as_mut_ptr().wrapping_add(row * n + column);
                let mut sum = r.load_first(n_first, out);
                for (t, line) in lines.iter().enumerate() {
                    sum = r.mul_add(r.splat(*value_at.wrapping_add(t * left.column_step)), *line, sum);
                }
                r.store_first(n_first, out, sum);
            }
        }
    }
}
