//! The product of two matrices.
#![allow(unsafe_code)]

mod across;
mod few;

use std::{
    arch::x86_64::{_MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch},
    ops::Range,
};

use self::{across::across, few::few};

use crate::{
    Matrix,
    x86::{lines::LANES, registers::Registers},
};

/// Up to here sums are short: the product, and not its factors, is what the memory has to carry.
const SHORT: usize = 64;
/// Terms that are added to all sums before the next: that many rows of the right matrix stay in the nearest cache.
const TERMS: usize = 256;
/// Up to so many left rows, and columns from so many on, the right matrix is what the memory has to carry.
const FEW: usize = 8;
const WIDE: usize = 128;
/// Where a tile begins, and the terms that it adds.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    first_term: usize,
    n_terms: usize,
    /// Where the tile's left values begin.
    left: usize,
}

/// Of matrices that fit together and into their slices, and are not empty: in tiles of `ROWS` by `16 * COLUMNS` sums, or
/// of `SHORT_ROWS` by `16 * SHORT_COLUMNS` where sums are short or the left matrix is copied, so that the left rows are
/// close to each other.
///
/// More rows share the loads of the right matrix, but rows of weights tend to begin a multiple of 4 KiB apart, where a
/// core's nearest cache holds eight to twelve lines in all.
#[inline(always)]
pub(crate) fn blocks<
    R: Registers,
    const ROWS: usize,
    const COLUMNS: usize,
    const SHORT_ROWS: usize,
    const SHORT_COLUMNS: usize,
>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
) {
    let [m, k] = left.shape;
    if left.row_step == 1 && left.column_step > 1 {
        return across::<R, SHORT_ROWS, SHORT_COLUMNS>(r, left, right, product);
    }
    if m <= FEW && product.len() / m >= WIDE {
        return few(r, left, right, product);
    }
    let mut row = 0;
    while k <= SHORT && row + SHORT_ROWS <= m {
        let place = Place { row, column: 0, first_term: 0, n_terms: k, left: row * left.row_step };
        columns::<R, SHORT_ROWS, SHORT_COLUMNS>(r, left, right, product, place);
        row += SHORT_ROWS;
    }
    for first_term in (0..k).step_by(TERMS) {
        let n_terms = TERMS.min(k - first_term);
        let left_at = |row| row * left.row_step + first_term * left.column_step;
        let at = |row| Place { row, column: 0, first_term, n_terms, left: left_at(row) };
        rows::<R, ROWS, COLUMNS>(r, left, right, product, row..m, at);
    }
}

/// All columns of some rows, in tiles of `M` by `N` times sixteen; `at` says where a row begins. All rows meet some columns
/// before the next, which are fetched but once.
#[inline(always)]
fn rows<R: Registers, const M: usize, const N: usize>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
    rows: Range<usize>,
    at: impl Fn(usize) -> Place,
) {
    let n = product.len() / left.shape[0];
    for column in (0..n).step_by(N * LANES) {
        let mut row = rows.start;
        while row + M <= rows.end {
            some_columns::<R, M, N>(r, left, right, product, Place { column, ..at(row) });
            row += M;
        }
        while row < rows.end {
            some_columns::<R, 1, N>(r, left, right, product, Place { column, ..at(row) });
            row += 1;
        }
    }
}

/// All columns of `M` rows, up to `N` times sixteen at a time.
#[inline(always)]
fn columns<R: Registers, const M: usize, const N: usize>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
    place: Place,
) {
    let n = product.len() / left.shape[0];
    for column in (place.column..n).step_by(N * LANES) {
        some_columns::<R, M, N>(r, left, right, product, Place { column, ..place });
    }
}

/// Of `M` rows the next columns, up to `N` times sixteen.
#[inline(always)]
fn some_columns<R: Registers, const M: usize, const N: usize>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
    mut place: Place,
) {
    let n = product.len() / left.shape[0];
    let n_left = n - place.column;
    match (n_left / LANES).min(N) {
        0 => return tile::<R, M, 1, false>(r, left, right, product, place),
        1 if N > 1 => tile::<R, M, 1, true>(r, left, right, product, place),
        2 if N > 2 => tile::<R, M, 2, true>(r, left, right, product, place),
        3 if N > 3 => tile::<R, M, 3, true>(r, left, right, product, place),
        _ => return tile::<R, M, N, true>(r, left, right, product, place),
    }
    // What is left over of less than `N` times sixteen.
    let n_whole = n_left / LANES * LANES;
    if n_left > n_whole {
        place.column += n_whole;
        tile::<R, M, 1, false>(r, left, right, product, place);
    }
}

/// `M` rows by `N` times sixteen columns, all of which there are if it `IS_WHOLE`. In one piece, as the sums would not
/// stay in registers otherwise.
#[allow(clippy::needless_range_loop, reason = "the indices say which registers meet")]
#[inline(always)]
fn tile<R: Registers, const M: usize, const N: usize, const IS_WHOLE: bool>(
    r: R,
    left: Matrix<'_>,
    right: &[f32],
    product: &mut [f32],
    place: Place,
) {
    let Place { row, column, first_term, n_terms, left: first_left } = place;
    let (n, is_short) = (product.len() / left.shape[0], left.shape[1] <= SHORT);
    let n_first = if IS_WHOLE { LANES } else { n - column };
    let mut sums = [[r.splat(0.0); N]; M];
    // SAFETY: the matrices fit into their slices, rows, columns and terms are within the matrices, and of sixteen columns
    // no more than there are is touched.
    unsafe {
        let out = product.as_mut_ptr().wrapping_add(row * n + column);
        if first_term > 0 {
            for i in 0..M {
                for j in 0..N {
                    sums[i][j] = r.load_first(n_first, out.wrapping_add(i * n + j * LANES));
                }
            }
        }
        if is_short {
            ask_for_writing::<M, N>(out, n);
        }
        let mut left_at = left.values.as_ptr().wrapping_add(first_left);
        let mut right_at = right.as_ptr().wrapping_add(first_term * n + column);
        for term in 0..n_terms {
            if !is_short && left.column_step == 1 && term % LANES == 0 {
                ask_for_reading::<M>(left_at.wrapping_add(M * left.row_step), left.row_step);
            }
            let mut line = [r.splat(0.0); N];
            for j in 0..N {
                line[j] = r.load_first(n_first, right_at.wrapping_add(j * LANES));
            }
            for i in 0..M {
                let value = r.splat(*left_at.wrapping_add(i * left.row_step));
                for j in 0..N {
                    sums[i][j] = r.mul_add(value, line[j], sums[i][j]);
                }
            }
            left_at = left_at.wrapping_add(left.column_step);
            right_at = right_at.wrapping_add(n);
        }
        for i in 0..M {
            for j in 0..N {
                r.store_first(n_first, out.wrapping_add(i * n + j * LANES), sums[i][j]);
            }
        }
    }
}

/// Asks the memory for a line of each of the next tile's left rows: rows of weights are read but once in a product, and
/// too little of each at a time for the processor to see it coming.
#[inline(always)]
fn ask_for_reading<const M: usize>(first: *const f32, row_step: usize) {
    for i in 0..M {
        // SAFETY: every x86-64 has this instruction, and it touches nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(i * row_step).cast()) };
    }
}

/// Asks the memory for the tile to the right of the one at `out`, to be written.
#[inline(always)]
fn ask_for_writing<const M: usize, const N: usize>(out: *const f32, n: usize) {
    for i in 0..M {
        for j in N..2 * N {
            // SAFETY: as above.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(out.wrapping_add(i * n + j * LANES).cast()) };
        }
    }
}
