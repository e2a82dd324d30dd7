//! From f32 to the numbers that a pointwise convolution multiplies.
#![allow(unsafe_code)]

use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps};

use crate::{
    layer::Conv,
    numbers::Numbers,
    x86::{
        lanes::{ByteLine, HalfLine, Line, load, store_bytes, store_half},
        map::Map,
    },
};

/// How the input of a pointwise convolution is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub(crate) numbers: Numbers,
    bytes: ByteScale,
}

/// What bytes stand for: `step * (byte - zero)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteScale {
    pub(crate) step: f32,
    pub(crate) zero: f32,
}

impl ByteScale {
    /// 255 steps from the lower to the upper end.
    pub(crate) fn new((low, high): (f32, f32)) -> Self {
        let step = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
        Self { step, zero: (-low / step).round() }
    }
}

impl Rounding {
    pub(crate) fn new(conv: &Conv, numbers: Numbers) -> Self {
        Self { numbers, bytes: ByteScale::new(conv.range) }
    }

    /// Rounds lines of a block into the map from `place` on. The map is of the same numbers, and not of f32.
    #[target_feature(enable = "avx512f")]
    pub(crate) fn round(&self, block: usize, lines: &[Line], map: &mut Map, place: usize) {
        match self.numbers {
            Numbers::F32 => {}
            // SAFETY: networks in bf16 are only made where the processor has these instructions.
            Numbers::Bf16 => unsafe { to_halves(lines, map.halves_mut(block, place)) },
            Numbers::Int8 => to_bytes(lines, self.bytes, map.bytes_mut(block, place)),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
fn to_halves(lines: &[Line], halves: &mut [HalfLine]) {
    for (half, line) in halves.iter_mut().zip(lines) {
        store_half(half, load(line));
    }
}

#[target_feature(enable = "avx512f")]
fn to_bytes(lines: &[Line], scale: ByteScale, bytes: &mut [ByteLine]) {
    let (factor, shift) = (_mm512_set1_ps(scale.step.recip()), _mm512_set1_ps(scale.zero));
    for (bytes, line) in bytes.iter_mut().zip(lines) {
        store_bytes(bytes, _mm512_fmadd_ps(load(line), factor, shift));
    }
}
