//! The innermost loops: a tile of `R` pixels by `C` lines of output channels, held in registers from the first input
//! channel to the last.
//!
//! 28 sums (14 by 2), two lines of weights and a value of the input fill the 32 registers; per value 28 multiply-adds
//! wait for 16 loads, so that nothing but the multipliers is the bound.

use std::arch::x86_64::{_mm512_cvtepi32_ps, _mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_si512};

use crate::x86::{
    clamp::Clamp,
    lanes::{ByteLine, HalfLine, LANES, Line, add_fours, add_pairs, load, store},
};

/// Pixels of a tile: as many as fit, then fewer for what is left.
const WIDE: usize = 14;
const NARROW: usize = 7;

/// Blocks of output channels that go through the input together: two or three; one where there is no other.
pub(crate) struct Group {
    pub(crate) first_block: usize,
    /// For each value of the input's lines, a line for each block.
    pub(crate) weights: Vec<Line>,
    /// A line for each block.
    pub(crate) bias: Vec<Line>,
    /// What one step of the sum is worth, where it is an integer. A line for each block.
    pub(crate) scale: Vec<Line>,
}

/// Where a group's outputs go.
pub(crate) struct Outputs<'a> {
    pub(crate) n_pixels: usize,
    /// From the first pixel in the group's first block on.
    pub(crate) lines: &'a mut [Line],
    /// Lines from a block to the next.
    pub(crate) block_len: usize,
    /// Of each pixel, from the first line.
    pub(crate) offsets: &'a [usize],
    pub(crate) clamp: Clamp,
}

/// Defines a module for a kind of number. Lines of the input have `$n_values` values, for each of which there is a
/// line of weights.
macro_rules! tiles {
    ($name:ident, $features:literal, $Line:ty, $n_values:expr, $wide:expr, $start:expr, $multiply_add:expr, $end:expr) => {
        pub(crate) mod $name {
            use super::*;

            /// All pixels of `x`, whose first block of channels is followed by the next after `block_len` lines.
            #[target_feature(enable = $features)]
            pub(crate) fn run(group: &Group, x: &[$Line], block_len: usize, outputs: &mut Outputs<'_>) {
                match group.bias.len() {
                    1 => columns::<1>(group, x, block_len, outputs),
                    2 => columns::<2>(group, x, block_len, outputs),
                    _ => columns::<3>(group, x, block_len, outputs),
                }
            }

            #[target_feature(enable = $features)]
            fn columns<const C: usize>(group: &Group, x: &[$Line], block_len: usize, outputs: &mut Outputs<'_>) {
                let mut pixel = 0;
                while C < 3 && pixel + $wide <= outputs.n_pixels {
                    tile::<{ $wide }, C>(group, x, block_len, pixel, outputs);
                    pixel += $wide;
                }
                while pixel + NARROW <= outputs.n_pixels {
                    tile::<NARROW, C>(group, x, block_len, pixel, outputs);
                    pixel += NARROW;
                }
                while pixel < outputs.n_pixels {
                    tile::<1, C>(group, x, block_len, pixel, outputs);
                    pixel += 1;
                }
            }

            #[target_feature(enable = $features)]
            #[inline]
            fn tile<const R: usize, const C: usize>(
                group: &Group,
                x: &[$Line],
                block_len: usize,
                pixel: usize,
                outputs: &mut Outputs<'_>,
            ) {
                let bias: &[Line; C] = group.bias.first_chunk().expect("a line for each block");
                let scale: &[Line; C] = group.scale.first_chunk().unwrap_or(bias);
                let mut sums = [[$start(&bias[0]); C]; R];
                for sums in &mut sums {
                    for c in 0..C {
                        sums[c] = $start(&bias[c]);
                    }
                }
                let weights = group.weights.as_chunks::<C>().0.as_chunks::<{ $n_values }>().0;
                for (block, weights) in weights.iter().enumerate() {
                    let x: &[$Line; R] = x[block * block_len + pixel..].first_chunk().expect("a tile of pixels");
                    for (k, weights) in weights.iter().enumerate() {
                        let weights = weights.each_ref().map(|line| load(line));
                        for r in 0..R {
                            for c in 0..C {
                                sums[r][c] = $multiply_add(x[r].0[k], weights[c], sums[r][c]);
                            }
                        }
                    }
                }
                // Not in a function of its own: then the sums would be kept in memory.
                let offsets: &[usize; R] = outputs.offsets[pixel..].first_chunk().expect("an offset for each pixel");
                for c in 0..C {
                    let y = &mut outputs.lines[c * outputs.block_len..];
                    for r in 0..R {
                        let sum = $end(sums[r][c], &scale[c], &bias[c]);
                        store(&mut y[offsets[r]], outputs.clamp.apply(sum));
                    }
                }
            }
        }
    };
}

tiles!(
    of_f32,
    "avx512f",
    Line,
    LANES,
    WIDE,
    |bias| load(bias),
    |x, weights, sum| _mm512_fmadd_ps(_mm512_set1_ps(x), weights, sum),
    |sum, _, _| sum
);
tiles!(
    of_bf16,
    "avx512f,avx512bf16",
    HalfLine,
    LANES / 2,
    WIDE,
    |bias| load(bias),
    |pair, weights, sum| add_pairs(sum, pair, weights),
    |sum, _, _| sum
);
tiles!(
    of_int8,
    "avx512f,avx512vnni",
    ByteLine,
    LANES / 4,
    // The compiler keeps no more integer sums than these in registers.
    NARROW,
    |_| _mm512_setzero_si512(),
    |four, weights, sum| add_fours(sum, four, weights),
    |sum, scale, bias| _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), load(scale), load(bias))
);
