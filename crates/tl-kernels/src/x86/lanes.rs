//! Sixteen channels of a pixel, and how registers reach them.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m128i, __m256bh, __m256i, __m512, __m512bh, __m512i, _mm_store_si128, _mm256_store_si256, _mm512_add_ps,
    _mm512_castps_si512, _mm512_cvtneps_pbh, _mm512_cvtps_epi32, _mm512_cvtusepi32_epi8, _mm512_dpbf16_ps,
    _mm512_dpbusd_epi32, _mm512_load_ps, _mm512_max_ps, _mm512_min_ps, _mm512_mul_ps, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setzero_ps, _mm512_store_ps,
};

use crate::layer::Activation;

/// Channels in a line.
pub(crate) const LANES: usize = 16;

/// Sixteen channels of a pixel: as wide as a register and as a line of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

/// The same in bf16, as pairs: the lower half of each is the even channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))]
pub(crate) struct HalfLine(pub(crate) [u32; LANES / 2]);

/// The same in bytes, as fours: the lowest byte of each is the first channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct ByteLine(pub(crate) [u32; LANES / 4]);

impl Line {
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }
}

/// Values in lines, zeros behind the last.
pub(crate) fn lines(values: &[f32]) -> Vec<Line> {
    let mut lines = vec![Line::default(); values.len().div_ceil(LANES)];
    for (i, &value) in values.iter().enumerate() {
        lines[i / LANES].0[i % LANES] = value;
    }
    lines
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn load(line: &Line) -> __m512 {
    // SAFETY: a line is 64 bytes long and begins at a multiple of 64.
    unsafe { _mm512_load_ps(line.0.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store(line: &mut Line, x: __m512) {
    // SAFETY: a line is 64 bytes long and begins at a multiple of 64.
    unsafe { _mm512_store_ps(line.0.as_mut_ptr(), x) }
}

/// Rounds to bf16, to the nearest, ties to even.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
pub(crate) fn store_half(line: &mut HalfLine, x: __m512) {
    // SAFETY: both types are 256 bits without meaning of their own.
    let half = unsafe { std::mem::transmute::<__m256bh, __m256i>(_mm512_cvtneps_pbh(x)) };
    // SAFETY: a half line is 32 bytes long and begins at a multiple of 32.
    unsafe { _mm256_store_si256(line.0.as_mut_ptr().cast(), half) }
}

/// Rounds to bytes; what is out of their range becomes its end.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store_bytes(line: &mut ByteLine, x: __m512) {
    let bytes: __m128i = _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(_mm512_max_ps(x, _mm512_setzero_ps())));
    // SAFETY: a line of bytes is 16 bytes long and begins at a multiple of 16.
    unsafe { _mm_store_si128(line.0.as_mut_ptr().cast(), bytes) }
}

/// `sum` plus the products of a pair of bf16 with each pair of `weights`.
#[target_feature(enable = "avx512f,avx512bf16")]
#[inline]
pub(crate) fn add_pairs(sum: __m512, pair: u32, weights: __m512) -> __m512 {
    let pairs = _mm512_set1_epi32(pair.cast_signed());
    // SAFETY: all these types are 512 bits without meaning of their own.
    let (pairs, weights) =
        unsafe { (std::mem::transmute::<__m512i, __m512bh>(pairs), std::mem::transmute::<__m512, __m512bh>(weights)) };
    _mm512_dpbf16_ps(sum, pairs, weights)
}

/// `sum` plus the products of four bytes with each four of `weights`, which are signed.
#[target_feature(enable = "avx512f,avx512vnni")]
#[inline]
pub(crate) fn add_fours(sum: __m512i, four: u32, weights: __m512) -> __m512i {
    _mm512_dpbusd_epi32(sum, _mm512_set1_epi32(four.cast_signed()), _mm512_castps_si512(weights))
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn activate(activation: Activation, x: __m512) -> __m512 {
    let (zero, six) = (_mm512_setzero_ps(), _mm512_set1_ps(6.0));
    let clamp = |x| _mm512_min_ps(_mm512_max_ps(x, zero), six);
    match activation {
        Activation::None => x,
        Activation::Relu => _mm512_max_ps(x, zero),
        Activation::Relu6 => clamp(x),
        Activation::Hardswish => {
            let gate = clamp(_mm512_add_ps(x, _mm512_set1_ps(3.0)));
            _mm512_mul_ps(_mm512_mul_ps(x, gate), _mm512_set1_ps(1.0 / 6.0))
        }
    }
}
