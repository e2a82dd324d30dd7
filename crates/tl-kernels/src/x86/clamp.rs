//! The part of an activation that costs two instructions and no branch.

use std::arch::x86_64::{__m512, _mm512_max_ps, _mm512_min_ps, _mm512_set1_ps};

use crate::layer::Activation;

/// Limits of what comes out of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clamp {
    low: __m512,
    high: __m512,
}

impl Clamp {
    /// Of `relu` and `relu6`; none for the others.
    #[target_feature(enable = "avx512f")]
    pub(crate) fn new(activation: Activation) -> Self {
        let (low, high) = match activation {
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            Activation::None | Activation::Hardswish => (f32::NEG_INFINITY, f32::INFINITY),
        };
        Self { low: _mm512_set1_ps(low), high: _mm512_set1_ps(high) }
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    pub(crate) fn apply(self, x: __m512) -> __m512 {
        _mm512_min_ps(_mm512_max_ps(x, self.low), self.high)
    }
}
