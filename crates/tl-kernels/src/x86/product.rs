//! The product of two matrices.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __mmask16, _mm512_fmadd_ps, _mm512_mask_storeu_ps, _mm512_maskz_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
};

use crate::{Matrix, x86::lanes::LANES};

/// Rows of a tile. More of them would share the loads of the right matrix, but rows of weights tend to begin a multiple
/// of 4 KiB apart, where a core's nearest cache holds eight to twelve lines in all.
const ROWS: usize = 4;
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
    let n = product.len() / m;
    for first_term in (0..k).step_by(TERMS) {
        let n_terms = TERMS.min(k - first_term);
        let mut column = 0;
        while column < n {
            let place = Place { row: 0, column, first_term, n_terms };
            column += match n - column {
                0..=LANES => rows::<1>(left, right, product, place),
                17..=32 => rows::<2>(left, right, product, place),
                _ => rows::<4>(left, right, product, place),
            };
        }
    }
}

/// All rows of `C` registers of columns. Returns how many columns these are.
#[target_feature(enable = "avx512f")]
fn rows<const C: usize>(left: Matrix<'_>, right: &[f32], product: &mut [f32], mut place: Place) -> usize {
    let [m, _] = left.shape;
    while place.row + ROWS <= m {
        tile::<ROWS, C>(left, right, product, place);
        place.row += ROWS;
    }
    while place.row < m {
        tile::<1, C>(left, right, product, place);
        place.row += 1;
    }
    C * LANES
}

/// In one piece, as the sums would not stay in registers otherwise.
#[allow(clippy::needless_range_loop, reason = "the indices say which registers meet")]
#[target_feature(enable = "avx512f")]
#[inline]
fn tile<const R: usize, const C: usize>(left: Matrix<'_>, right: &[f32], product: &mut [f32], place: Place) {
    let Place { row, column, first_term, n_terms } = place;
    let n = product.len() / left.shape[0];
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
        let mut a = left.values.as_ptr().wrapping_add(row * left.row_step + first_term * left.column_step);
        let mut b = right.as_ptr().wrapping_add(first_term * n + column);
        for _ in 0..n_terms {
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

/// The first `n` lanes.
fn mask(n: usize) -> __mmask16 {
    if n >= LANES { !0 } else { (1 << n) - 1 }
}
