//! Pairs of bf16 in AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256bh, __m256i, __m512, __m512bh, __m512i, _mm256_store_si256, _mm512_cvtneps_pbh, _mm512_dpbf16_ps,
    _mm512_load_ps, _mm512_set1_epi32,
};

use super::{Avx512, by_blocks};
use crate::x86::{
    lines::{HalfLine, LANES, Line},
    registers::Registers,
    tile::{Group, Multiplier, Outputs},
};

/// To the nearest, ties to even.
#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn round<'a>(lines: &[Line], halves: impl Iterator<Item = &'a mut HalfLine>) {
    for (half, line) in halves.zip(lines) {
        // SAFETY: both types are 256 bits without meaning of their own; a line is 64 bytes long and begins at a multiple
        // of 64, half a line is half of that.
        unsafe {
            let bits = std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(_mm512_load_ps(line.0.as_ptr())));
            _mm256_store_si256(half.0.as_mut_ptr().cast(), bits);
        }
    }
}

#[target_feature(enable = "avx512f,avx512bf16")]
pub(super) fn tiles(r: Avx512, group: &Group, x: &[HalfLine], block_len: usize, outputs: &mut Outputs<'_>) {
    by_blocks::<_, 14>(Bf16(r), group, x, block_len, outputs);
}

/// Multiplies pairs of bf16.
#[derive(Clone, Copy)]
struct Bf16(Avx512);

impl Multiplier for Bf16 {
    type Registers = Avx512;
    type Input = HalfLine;
    type Sum = __m512;
    const N_VALUES: usize = LANES / 2;

    #[inline(always)]
    fn registers(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn start(self, bias: &Line) -> __m512 {
        self.0.load(bias)
    }

    #[inline(always)]
    fn multiply_add(self, x: &HalfLine, k: usize, weights: __m512, sum: __m512) -> __m512 {
        // SAFETY: networks in bf16 are only made where the processor has its instructions; all these types are 512 bits
        // without meaning of their own.
        unsafe {
            let pair = std::mem::transmute::<__m512i, __m512bh>(_mm512_set1_epi32(x.0[k].cast_signed()));
            _mm512_dpbf16_ps(sum, pair, std::mem::transmute::<__m512, __m512bh>(weights))
        }
    }

    #[inline(always)]
    fn end(self, sum: __m512, _: &Line, _: &Line) -> __m512 {
        sum
    }
}
