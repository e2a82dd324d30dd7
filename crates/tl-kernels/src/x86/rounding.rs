//! From f32 to the numbers that a pointwise convolution multiplies.

use crate::{layer::Conv, numbers::Numbers};

/// How the input of a pointwise convolution is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub(crate) numbers: Numbers,
    pub(crate) bytes: ByteScale,
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
}
