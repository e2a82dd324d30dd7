//! Pairs of 16 bits in AVX2, for whole numbers of 16 bits, and for bytes.
#![allow(unsafe_code)]

use std::arch::{
    asm,
    x86_64::{
        __m256, __m256i, _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_fmadd_ps, _mm256_load_ps, _mm256_max_ps,
        _mm256_min_ps, _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_set1_epi32, _mm256_set1_ps,
        _mm256_setzero_si256, _mm256_store_si256,
    },
};

use super::{Avx2, HALF};
use crate::x86::{
    lines::{HalfLine, LANES, Line},
    registers::Registers,
    rounding::Scale,
    tile::{self, Group, Multiplier, Outputs},
};

/// Rounds to whole numbers, in 16 bits each.
#[target_feature(enable = "avx2,fma")]
pub(super) fn round(lines: &[Line], scale: Scale, shorts: &mut [HalfLine]) {
    for (shorts, line) in shorts.iter_mut().zip(lines) {
        // SAFETY: half a line is 32 bytes long and begins at a multiple of 32.
        unsafe { _mm256_store_si256(shorts.0.as_mut_ptr().cast(), to_shorts(line, scale)) }
    }
}

/// A line's whole numbers, in 16 bits each; what is out of their range becomes its end.
#[target_feature(enable = "avx2,fma")]
#[inline]
pub(super) fn to_shorts(line: &Line, scale: Scale) -> __m256i {
    let (factor, shift) = (_mm256_set1_ps(scale.step.recip()), _mm256_set1_ps(scale.zero));
    let rounded = |x: __m256| {
        let x = _mm256_max_ps(_mm256_fmadd_ps(x, factor, shift), _mm256_set1_ps(scale.least));
        _mm256_cvtps_epi32(_mm256_min_ps(x, _mm256_set1_ps(scale.most)))
    };
    // SAFETY: a line is 64 bytes long and begins at a multiple of 64.
    let x = unsafe { [_mm256_load_ps(line.0.as_ptr()), _mm256_load_ps(line.0[HALF..].as_ptr())] };
    // Packed within the halves of the registers, hence the change of places.
    _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(rounded(x[0]), rounded(x[1])))
}

#[target_feature(enable = "avx2,fma")]
pub(super) fn tiles(r: Avx2, group: &Group, x: &[HalfLine], block_len: usize, outputs: &mut Outputs<'_>) {
    tile::columns::<_, 1, 6, 5>(Shorts::<false>(r), group, x, block_len, outputs);
}

/// The same by AVX-VNNI, which the processor must have.
#[target_feature(enable = "avx2,fma")]
pub(super) fn fused_tiles(r: Avx2, group: &Group, x: &[HalfLine], block_len: usize, outputs: &mut Outputs<'_>) {
    tile::columns::<_, 1, 6, 5>(Shorts::<true>(r), group, x, block_len, outputs);
}

/// `sum` plus the products of pairs of 16 bits. In assembly, for the compiler would add up the products of several values
/// first, and run out of registers.
#[target_feature(enable = "avx2")]
#[inline]
fn add_products(mut sum: __m256i, pair: __m256i, weights: __m256) -> __m256i {
    // SAFETY: two instructions that the caller has, on registers only.
    unsafe {
        asm!(
            "vpmaddwd {products}, {pair}, {weights}",
            "vpaddd {sum}, {sum}, {products}",
            products = out(ymm_reg) _,
            pair = in(ymm_reg) pair,
            weights = in(ymm_reg) weights,
            sum = inout(ymm_reg) sum,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// The same by one instruction.
///
/// # Safety
/// The processor has AVX-VNNI.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn add_products_fused(mut sum: __m256i, pair: __m256i, weights: __m256) -> __m256i {
    // SAFETY: as the caller knows; on registers only.
    unsafe {
        asm!(
            "{{vex}} vpdpwssd {sum}, {pair}, {weights}",
            sum = inout(ymm_reg) sum,
            pair = in(ymm_reg) pair,
            weights = in(ymm_reg) weights,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    sum
}

/// Multiplies pairs of 16 bits, by one instruction if it is `FUSED`, twice as many at once as of f32. Products of bytes are
/// exact that way, too; the instruction for bytes themselves cuts sums of two products off at 16 bits.
#[derive(Clone, Copy)]
pub(super) struct Shorts<const FUSED: bool>(pub(super) Avx2);

impl<const FUSED: bool> Multiplier for Shorts<FUSED> {
    type Registers = Avx2;
    type Input = HalfLine;
    type Sum = [__m256i; 2];
    const N_VALUES: usize = LANES / 2;

    #[inline(always)]
    fn registers(self) -> Avx2 {
        self.0
    }

    #[inline(always)]
    fn start(self, _: &Line) -> [__m256i; 2] {
        // SAFETY: the processor has been asked.
        unsafe { [_mm256_setzero_si256(); 2] }
    }

    #[inline(always)]
    fn multiply_add(self, x: &HalfLine, k: usize, weights: [__m256; 2], sum: [__m256i; 2]) -> [__m256i; 2] {
        // SAFETY: the processor has been asked, for AVX-VNNI too where it is `FUSED`.
        unsafe {
            let pair = _mm256_set1_epi32(x.0[k].cast_signed());
            match FUSED {
                true => [add_products_fused(sum[0], pair, weights[0]), add_products_fused(sum[1], pair, weights[1])],
                false => [add_products(sum[0], pair, weights[0]), add_products(sum[1], pair, weights[1])],
            }
        }
    }

    #[inline(always)]
    fn end(self, sum: [__m256i; 2], scale: &Line, bias: &Line) -> [__m256; 2] {
        // SAFETY: the processor has been asked.
        let sum = unsafe { [_mm256_cvtepi32_ps(sum[0]), _mm256_cvtepi32_ps(sum[1])] };
        self.0.mul_add(sum, self.0.load(scale), self.0.load(bias))
    }
}
