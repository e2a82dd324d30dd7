//! Fours of bytes in AVX2, by AVX-VNNI.
#![allow(unsafe_code)]

use std::arch::{
    asm,
    x86_64::{
        __m256, __m256i, _mm_packus_epi16, _mm_store_si128, _mm256_castsi256_si128, _mm256_extracti128_si256,
        _mm256_set1_epi32,
    },
};

use super::{
    Avx2,
    shorts::{Shorts, to_shorts},
};
use crate::x86::{
    lines::{ByteLine, LANES, Line},
    rounding::Scale,
    tile::{self, Group, Multiplier, Outputs},
};

/// What is out of the range of bytes becomes its end.
#[target_feature(enable = "avx2,fma")]
pub(super) fn round(lines: &[Line], scale: Scale, bytes: &mut [ByteLine]) {
    for (bytes, line) in bytes.iter_mut().zip(lines) {
        let shorts = to_shorts(line, scale);
        let packed = _mm_packus_epi16(_mm256_castsi256_si128(shorts), _mm256_extracti128_si256::<1>(shorts));
        // SAFETY: a line of bytes is 16 bytes long and begins at a multiple of 16.
        unsafe { _mm_store_si128(bytes.0.as_mut_ptr().cast(), packed) }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn tiles(r: Avx2, group: &Group, x: &[ByteLine], block_len: usize, outputs: &mut Outputs<'_>) {
    tile::columns::<_, 1, 6, 5>(Bytes(r), group, x, block_len, outputs);
}

/// `sum` plus the products of fours of bytes with signed ones. In assembly, as for [shorts](super::shorts).
///
/// # Safety
/// The processor has AVX-VNNI.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn add_products(mut sum: __m256i, four: __m256i, weights: __m256) -> __m256i {
    // SAFETY: as the caller knows; on registers only.
    unsafe {
        asm!(
            "{{vex}} vpdpbusd {sum}, {four}, {weights}",
            sum = inout(ymm_reg) sum,
            four = in(ymm_reg) four,
            weights = in(ymm_reg) weights,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// Multiplies fours of bytes with signed ones; their sums are like those of [`Shorts`].
#[derive(Clone, Copy)]
struct Bytes(Avx2);

impl Multiplier for Bytes {
    type Registers = Avx2;
    type Input = ByteLine;
    type Sum = [__m256i; 2];
    const N_VALUES: usize = LANES / 4;

    #[inline(always)]
    fn registers(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    fn start(self, bias: &Line) -> [__m256i; 2] {
        Shorts::<true>(self.0).start(bias)
    }

    #[inline(always)]
    fn multiply_add(self, x: &ByteLine, k: usize, weights: [__m256; 2], sum: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: networks in bytes are only made where the processor has their instructions.
        unsafe {
            let four = _mm256_set1_epi32(x.0[k].cast_signed());
            [add_products(sum[0], four, weights[0]), add_products(sum[1], four, weights[1])]
        }
    }

    #[inline(always)]
    fn end(self, sum: [__m256i; 2], scale: &Line, bias: &Line) -> [__m256; 2] {
        Shorts::<true>(self.0).end(sum, scale, bias)
    }
}
