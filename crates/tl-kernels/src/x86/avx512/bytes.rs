//! Fours of bytes in AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, __m512, __m512i, _mm_store_si128, _mm512_castps_si512, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_max_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_setzero_si512,
};

use super::{Avx512, by_blocks};
use crate::x86::{
    lines::{ByteLine, LANES, Line},
    registers::Registers,
    rounding::Scale,
    tile::{Group, Multiplier, Outputs},
};

/// What is out of the range of bytes becomes its end.
#[target_feature(enable = "avx512f")]
pub(super) fn round<'a>(lines: &[Line], scale: Scale, bytes: impl Iterator<Item = &'a mut ByteLine>) {
    let (factor, shift) = (_mm512_set1_ps(scale.step.recip()), _mm512_set1_ps(scale.zero));
    for (bytes, line) in bytes.zip(lines) {
        // SAFETY: a line is 64 bytes long and begins at a multiple of 64.
        let x = _mm512_fmadd_ps(unsafe { _mm512_load_ps(line.0.as_ptr()) }, factor, shift);
        let rounded: __m128i = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(_mm512_max_ps(x, _mm512_setzero_ps())));
        // SAFETY: a line of bytes is 16 bytes long and begins at a multiple of 16.
        unsafe { _mm_store_si128(bytes.0.as_mut_ptr().cast(), rounded) }
    }
}

/// Seven pixels: the compiler keeps no more integer sums than these in registers.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn tiles(r: Avx512, group: &Group, x: &[ByteLine], block_len: usize, outputs: &mut Outputs<'_>) {
    by_blocks::<_, 7>(Bytes(r), group, x, block_len, outputs);
}

/// Multiplies fours of bytes with signed ones.
#[derive(Clone, Copy)]
pub(super) struct Bytes(pub(super) Avx512);

impl Multiplier for Bytes {
    type Registers = Avx512;
    type Input = ByteLine;
    type Sum = __m512i;
    const N_VALUES: usize = LANES / 4;

    #[inline(always)]
    fn registers(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn start(self, _: &Line) -> __m512i {
        // SAFETY: the processor has been asked.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    fn multiply_add(self, x: &ByteLine, k: usize, weights: __m512, sum: __m512i) -> __m512i {
        // SAFETY: networks in bytes are only made where the processor has their instructions.
        unsafe { _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(x.0[k].cast_signed()), _mm512_castps_si512(weights)) }
    }

    #[inline(always)]
    fn end(self, sum: __m512i, scale: &Line, bias: &Line) -> __m512 {
        // SAFETY: the processor has been asked.
        unsafe { _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), self.0.load(scale), self.0.load(bias)) }
    }
}
