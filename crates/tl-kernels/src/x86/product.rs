//! The product of two matrices.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __mmask16, _MM_HINT_ET0, _MM_HINT_T0, _mm_prefetch, _mm512_fmadd_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps,
    _mm512_set1_ps, _mm512_setzero_ps,
};

use crate::{Matrix, x86::lanes::LANES};

/// Rows of a tile of long sums. More of them would share the loads of the right matrix, but rows of weights tend to begin
/// a multiple of 4 KiB apart, where a core's nearest cache holds eight to twelve lines in all.
const ROWS: usize = 4;
/// Registers of columns in such a tile.
const COLUMNS: usize = 4;
/// Rows and registers of columns in a tile of short sums, whose left rows are close to each other.
const SHORT_ROWS: usize = 8;
const SHORT_COLUMNS: usize = 3;
/// Up to here sums are short: the product, and not its factors, is what the memory has to carry.
const SHORT: usize = 64;
/// Terms that are added to all sums before the next: that many rows of the right matrix stay in the nearest cache.
const TERMS: usize = 256;

/// Where a tile begins, and the terms that it adds.
#[derive(Clone, Copy)]
struct Place {
    row: usize,
    column: usize,
    first_term: usize,
    n_terms: usize,
}

/// Of matrices that fit together and into their slices, and are not empty; the processor must have been asked.
pub(crate) fn multiply(left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
    // SAFETY: the caller has asked the processor.
    unsafe { blocks(left, right, product) }
}

#[target_feature(enable = "avx512f")]
fn blocks(left: Matrix<'_>, right: &[f32], product: &mut [f32]) {
    let [m, k] = left.shape;
    for first_term in (0..k).step_by(TERMS) {
        let mut place = Place { row: 0, column: 0, first_term, n_terms: TERMS.min(k - first_term) };
        while k <= SHORT && place.row + SHORT_ROWS <= m {
            columns::<SHORT_ROWS, SHORT_COLUMNS>(left, right, product, place);
            place.row += SHORT_ROWS;
        }
        while place.row + ROWS <= m {
            columns::<ROWS, COLUMNS>(left, right, product, place);
            place.row += ROWS;
        }
        while place.row < m {
            columns::<1, COLUMNS>(left, right, product, place);
            place.row += 1;
        }
    }
}

/// All columns of `R` rows, up to `C` registers of them at a time.
#[target_feature(enable = "avx512f")]
fn columns<const R: usize, const C: usize>(left: Matrix<'_>, right: &[f32], product: &mut [f32], mut place: Place) {
    let n = product.len() / left.shape[0];
    while place.column < n {
        let n_registers = (n - place.column).div_ceil(LANES).min(C);
        match n_registers {
            1 => tile::<R, 1>(left, right, product, place),
            2 => tile::<R, 2>(left, right, product, place),
            3 if C > 3 => tile::<R, 3>(left, right, product, place),
            _ => tile::<R, C>(left, right, product, place),
        }
        place.column += n_registers * LANES;
    }
}

/// In one piece, as the sums would not stay in registers otherwise.
#[allow(clippy::needless_range_loop, reason = "the indices say which registers meet")]
#[target_feature(enable = "avx512f")]
#[inline]
fn tile<const R: usize, const C: usize>(left: Matrix<'_>, right: &[f32], product: &mut [f32], place: Place) {
    let Place { row, column, first_term, n_terms } = place;
    let (n, is_short) = (product.len() / left.shape[0], left.shape[1] <= SHORT);
    let masks: [__mmask16; C] = std::array::from_fn(|c| mask((n - column).saturating_sub(c * LANES)));
    let mut sums = [[_mm512_setzero_ps(); C]; R];
    // SAFETY: the matrices fit into their slices, rows, columns and terms are within the matrices, and what the masks
    // cut off is not touched.
    unsafe {
        let out = product.as_mut_ptr().wrapping_add(row * n + column);
        if first_term > 0 {
            for r in 0..R {
                for c in 0..C {
                    sums[r][c] = _mm512_maskz_loadu_ps(masks[c], out.wrapping_add(r * n + c * LANES));
                }
            }
        }
        if is_short {
            ask_for_writing::<R, C>(out, n);
        }
        let mut a = left.values.as_ptr().wrapping_add(row * left.row_step + first_term * left.column_step);
        let mut b = right.as_ptr().wrapping_add(first_term * n + column);
        for i in 0..n_terms {
            if !is_short && left.column_step == 1 && i % LANES == 0 {
                ask_for_reading::<R>(a.wrapping_add(R * left.row_step), left.row_step);
            }
            let mut line = [_mm512_setzero_ps(); C];
            for c in 0..C {
                line[c] = _mm512_maskz_loadu_ps(masks[c], b.wrapping_add(c * LANES));
            }
            for r in 0..R {
                let x = _mm512_set1_ps(*a.wrapping_add(r * left.row_step));
                for c in 0..C {
                    sums[r][c] = _mm512_fmadd_ps(x, line[c], sums[r][c]);
                }
            }
            a = a.wrapping_add(left.column_step);
            b = b.wrapping_add(n);
        }
        for r in 0..R {
            for c in 0..C {
                _mm512_mask_storeu_ps(out.wrapping_add(r * n + c * LANES), masks[c], sums[r][c]);
            }
        }
    }
}

/// Asks the memory for a line of each of the next tile's left rows: rows of weights are read but once in a product, and
/// too little of each at a time for the processor to see it coming.
#[target_feature(enable = "avx512f")]
#[inline]
fn ask_for_reading<const R: usize>(first: *const f32, row_step: usize) {
    for r in 0..R {
        _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(r * row_step).cast());
    }
}

/// Asks the memory for the tile to the right of the one at `out`, to be written.
#[target_feature(enable = "avx512f")]
#[inline]
fn ask_for_writing<const R: usize, const C: usize>(out: *const f32, n: usize) {
    for r in 0..R {
        for c in C..2 * C {
            _mm_prefetch::<_MM_HINT_ET0>(out.wrapping_add(r * n + c * LANES).cast());
        }
    }
}

/// The first `n` lanes.
fn mask(n: usize) -> __mmask16 {
    if n >= LANES { !0 } else { (1 << n) - 1 }
}
