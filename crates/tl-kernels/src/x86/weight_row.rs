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
            Numbers::F32 => Self { bits: weights.iter().map(|w| w.to_bits()).collect(), ..Self::default() },
            Numbers::Bf16 => {
                let bits: Vec<u32> = weights.iter().map(|&w| bf16_bits(w)).collect();
                let lost = lost(weights, &bits, means, |bits| f32::from_bits(bits << 16));
                Self { bits, lost, ..Self::default() }
            }
            Numbers::Int16 => Self::whole(weights, means, short_step(weights, most)),
            Numbers::Int8 => Self::whole(weights, means, largest(weights).max(f32::MIN_POSITIVE) / 127.0),
        }
    }

    #[inline(always)]
    fn whole(weights: &[f32], means: &[f32], step: f32) -> Self {
        let bits: Vec<u32> = weights.iter().map(|w| ((w / step).round_ties_even() as i32).cast_unsigned()).collect();
        let lost = lost(weights, &bits, means, |bits| bits.cast_signed() as f32 * step);
        let sum = bits.iter().map(|bits| bits.cast_signed()).sum();
        Self { bits, step, sum, lost }
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
    let sizes: Vec<f32> = weights.iter().map(|w| w.abs()).collect();
    (sum(&sizes) / n_steps).max(largest(weights) / f32::from(i16::MAX)).max(f32::MIN_POSITIVE)
}

#[inline(always)]
fn largest(weights: &[f32]) -> f32 {
    weights.iter().fold(0.0, |largest, w| largest.max(w.abs()))
}

/// What is lost by taking what `bits` mean for the weights.
#[inline(always)]
fn lost(weights: &[f32], bits: &[u32], means: &[f32], meaning: impl Fn(u32) -> f32) -> f32 {
    let losses: Vec<f32> =
        weights.iter().zip(bits).zip(means).map(|((w, &bits), mean)| (w - meaning(bits)) * mean).collect();
    sum(&losses)
}

/// In sixteen sums side by side, of which none waits for another; in the same order by all instructions.
#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let (lines, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for line in lines {
        for (sum, x) in sums.iter_mut().zip(line) {
            *sum += x;
        }
    }
    sums.iter().chain(rest).sum()
}
