//! Pairs of whole numbers of 16 bits in AVX-512.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256i, __m512, __m512i, _mm256_store_si256, _mm512_castps_si512, _mm512_cvtps_epi32, _mm512_cvtsepi32_epi16,
    _mm512_dpwssd_epi32, _mm512_fmadd_ps, _mm512_load_ps, _mm512_max_ps, _mm512_min_ps, _mm512_set1_epi32,
    _mm512_set1_ps,
};

use super::{Avx512, by_blocks, bytes::Bytes};
use crate::x86::{
    lines::{HalfLine, LANES, Line},
    rounding::Scale,
    tile::{Group, Multiplier, Outputs},
};

/// What is out of the range becomes its end.
#[target_feature(enable = "avx512f")]
pub(super) fn round(lines: &[Line], scale: Scale, shorts: &mut [HalfLine]) {
    let (factor, shift) = (_mm512_set1_ps(scale.step.recip()), _mm512_set1_ps(scale.zero));
    for (shorts, line) in shorts.iter_mut().zip(lines) {
        // SAFETY: a line is 64 bytes long and begins at a multiple of 64.
        let x = _mm512_fmadd_ps(unsafe { _mm512_load_ps(line.0.as_ptr()) }, factor, shift);
        let x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(scale.least)), _mm512_set1_ps(scale.most));
        let rounded: __m256i = _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(x));
        // SAFETY: half a line is 32 bytes long and begins at a multiple of 32.
        unsafe { _mm256_store_si256(shorts.0.as_mut_ptr().cast(), rounded) }
    }
}

/// Seven pixels, as for [bytes](super::bytes::tiles).
#[target_feature(enable = "avx512f,avx512vnni")]
pub(super) fn tiles(r: Avx512, group: &Group, x: &[HalfLine], block_len: usize, outputs: &mut Outputs<'_>) {
    by_blocks::<_, 7>(Shorts(r), group, x, block_len, outputs);
}

/// Multiplies pairs; their sums are like those of [`Bytes`].
#[derive(Clone, Copy)]
struct Shorts(Avx512);

impl Multiplier for Shorts {
    type Registers = Avx512;
    type Input = HalfLine;
    type Sum = __m512i;
    const N_VALUES: usize = LANES / 2;

    #[inline(always)]
    fn registers(self) -> Avx512 {
        self.0
    }

    #[inline(always)]
    fn start(self, bias: &Line) -> __m512i {
        Bytes(self.0).start(bias)
    }

    #[inline(always)]
    fn multiply_add(self, x: &HalfLine, k: usize, weights: __m512, sum: __m512i) -> __m512i {
        // SAFETY: networks in 16 bits are only made where the processor has their instructions.
        unsafe { _mm512_dpwssd_epi32(sum, _mm512_set1_epi32(x.0[k].cast_signed()), _mm512_castps_si512(weights)) }
    }

    #[inline(always)]
    fn end(self, sum: __m512i, scale: &Line, bias: &Line) -> __m512 {
        Bytes(self.0).end(sum, scale, bias)
    }
}
