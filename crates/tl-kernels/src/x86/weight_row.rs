//! An output channel's weights, rounded.

use crate::{numbers::Numbers, x86::lines::LANES};

/// The weights of one output channel as the multipliers take them.
#[derive(Debug, Default)]
pub(crate) struct WeightRow {
    /// As many bits of each as its numbers have.
    pub(crate) bits: Vec<u32>,
    /// What a step of whole numbers is worth.
    pub(crate) step: f32,
    /// The sum of whole numbers.
    pub(crate) sum: i32,
    /// What the channel loses by the rounding on inputs that are as expected.
    pub(crate) lost: f32,
}

impl WeightRow {
    /// Of weights for inputs that are `means` on average, if that is known, and at most `most` if they are whole numbers.
    #[inline(always)]
    pub(crate) fn new(weights: &[f32], means: &[f32], numbers: Numbers, most: f32) -> Self {
        match numbers {
            Numbers::F32 => Self { bits: each(weights, f32::to_bits), ..Self::default() },
            Numbers::Bf16 => {
                let bits = each(weights, bf16_bits);
                let lost = lost(weights, &bits, means, |bits| f32::from_bits(bits << 16));
                Self { bits, lost, ..Self::default() }
            }
            Numbers::Int16 => Self::whole(weights, means, short_step(weights, most)),
            Numbers::Int8 => Self::whole(weights, means, largest(weights).max(f32::MIN_POSITIVE) / 127.0),
        }
    }

    #[inline(always)]
    fn whole(weights: &[f32], means: &[f32], step: f32) -> Self {
        let bits = each(weights, |w| ((w / step).round_ties_even() as i32).cast_unsigned());
        let lost = lost(weights, &bits, means, |bits| bits.cast_signed() as f32 * step);
        let sum = bits.iter().map(|bits| bits.cast_signed()).sum();
        Self { bits, step, sum, lost }
    }

    /// Appends its bits to `words`, those of `n_together` weights in each, the first in the lowest.
    #[inline(always)]
    pub(crate) fn append_to(&self, words: &mut Vec<u32>, n_together: usize) {
        match n_together {
            1 => words.extend_from_slice(&self.bits),
            2 => append::<2>(&self.bits, words),
            _ => append::<4>(&self.bits, words),
        }
    }
}

/// The bits of each weight. Not collected: that would be a function by itself, for any processor.
#[inline(always)]
fn each(weights: &[f32], bits_of: impl Fn(f32) -> u32) -> Vec<u32> {
    let mut bits = vec![0; weights.len()];
    for (bits, &w) in bits.iter_mut().zip(weights) {
        *bits = bits_of(w);
    }
    bits
}

#[inline(always)]
fn append<const N: usize>(bits: &[u32], words: &mut Vec<u32>) {
    let width = 32 / N;
    let word = |together: &[u32]| {
        let parts = together.iter().enumerate();
        parts.fold(0, |word, (i, &bits)| word | (bits & ((1 << width) - 1)) << (i * width))
    };
    let (whole, rest) = bits.as_chunks::<N>();
    let n = words.len();
    words.resize(n + whole.len(), 0);
    for (word_of, together) in words[n..].iter_mut().zip(whole) {
        *word_of = word(together);
    }
    if !rest.is_empty() {
        words.push(word(rest));
    }
}

/// The upper half of an f32, rounded to nearest, ties to even. Never given a NaN.
#[inline(always)]
fn bf16_bits(x: f32) -> u32 {
    let bits = x.to_bits();
    (bits + 0x7fff + ((bits >> 16) & 1)) >> 16
}

/// What a step in 16 bits is worth: as little as 32 bits have room for sums of products with inputs up to `most`, so that
/// none can overflow.
#[inline(always)]
fn short_step(weights: &[f32], most: f32) -> f32 {
    // Rounding may add half a step to each weight.
    let n_steps = i32::MAX as f32 / most - weights.len() as f32;
    (side_by_side(weights, |sum, w| sum + w.abs()) / n_steps)
        .max(largest(weights) / f32::from(i16::MAX))
        .max(f32::MIN_POSITIVE)
}

#[inline(always)]
fn largest(weights: &[f32]) -> f32 {
    side_by_side(weights, |largest, w| if w.abs() > largest { w.abs() } else { largest })
}

/// What is lost by taking what `bits` mean for the weights.
#[inline(always)]
fn lost(weights: &[f32], bits: &[u32], means: &[f32], meaning: impl Fn(u32) -> f32) -> f32 {
    let mut losses = vec![0.0; means.len()];
    for (((loss, w), &bits), mean) in losses.iter_mut().zip(weights).zip(bits).zip(means) {
        *loss = (w - meaning(bits)) * mean;
    }
    side_by_side(&losses, |sum, loss| sum + loss)
}

/// Folds values from zero on, every sixteenth by itself so that none waits for the one before, and in the same order by all
/// instructions.
#[inline(always)]
fn side_by_side(values: &[f32], fold: impl Fn(f32, f32) -> f32) -> f32 {
    let (lines, rest) = values.as_chunks::<LANES>();
    let mut folded = [0.0; LANES];
    for line in lines {
        for (folded, &x) in folded.iter_mut().zip(line) {
            *folded = fold(*folded, x);
        }
    }
    folded.iter().chain(rest).fold(0.0, |folded, &x| fold(folded, x))
}
