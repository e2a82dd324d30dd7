//! Products with a left matrix that is the transpose of one in memory.
#![allow(unsafe_code)]

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

use super::{Place, rows};
use crate::{
    Matrix,
    x86::{lines::LANES, registers::Registers},
};

/// Terms and rows that are copied at a time: together with their terms of the right matrix they stay in the nearest cache.
const TERMS_ACROSS: usize = 64;
const ROWS_ACROSS: usize = 4 * LANES;

/// The product where left rows lie across memory, their values side by side: some rows and terms at a time are copied into
/// one piece, so that each line of memory is fetched once, and terms that begin a multiple of 4 KiB apart do not drive each
/// other out of the nearest cache.
#[inline(always)]
pub(super) fn across<R: Registers, const ROWS: usize, const COLUMNS: usize>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
) {
    let [m, k] = left.shape;
    let mut piece = [0.0; TERMS_ACROSS * ROWS_ACROSS];
    for first_row in (0..m).step_by(ROWS_ACROSS) {
        let n_rows = ROWS_ACROSS.min(m - first_row);
        for first_term in (0..k).step_by(TERMS_ACROSS) {
            let n_terms = TERMS_ACROSS.min(k - first_term);
            copy(r, left, [first_row, first_term], n_rows, &mut piece[..n_terms * ROWS_ACROSS]);
            let piece = Matrix { values: &piece, shape: left.shape, row_step: 1, column_step: ROWS_ACROSS };
            let at = |row| Place { row: first_row + row, column: 0, first_term, n_terms, left: row };
            rows::<R, ROWS, COLUMNS>(r, piece, right, product, 0..n_rows, at);
        }
    }
}

/// Copies some terms of some left rows, and asks for the next terms.
#[inline(always)]
fn copy<R: Registers>(r: R, left: Matrix<'_>, [row, term]: [usize; 2], n_rows: usize, piece: &mut [f32]) {
    let first = left.values.as_ptr().wrapping_add(row + term * left.column_step);
    for (term, to) in piece.chunks_exact_mut(ROWS_ACROSS).enumerate() {
        let from = first.wrapping_add(term * left.column_step);
        for row in (0..n_rows).step_by(LANES) {
            // SAFETY: rows and terms are within the matrix, whose rows are side by side; a prefetch touches nothing.
            unsafe {
                r.store_first(LANES, to[row..].as_mut_ptr(), r.load_first(n_rows - row, from.wrapping_add(row)));
                _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(TERMS_ACROSS * left.column_step + row).cast());
            }
        }
    }
}
