//! In which numbers a network computes.

use crate::instructions::Instructions;

/// The numbers that pointwise convolutions multiply, which is nearly all of a network's work. Everything else is f32
/// always: sums, depthwise convolutions, the first layer, what residual blocks add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Numbers {
    /// 32-bit floats.
    #[default]
    F32,
    /// bf16, rounded on the way into a pointwise convolution; two for the time of one f32.
    Bf16,
    /// Whole numbers of 16 bits, inputs in steps of [`crate::Conv::range`] and weights in steps of each output channel's
    /// own, as fine as 32 bits have room for the sums; two for the time of one f32.
    Int16,
    /// Bytes, inputs in steps of [`crate::Conv::range`] and weights in steps of each output channel's own; four for
    /// the time of one f32.
    Int8,
}

impl Numbers {
    /// `f32`, `bf16`, `int16` or `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int16 => "int16",
            Self::Int8 => "int8",
        }
    }

    /// Whether this processor has any instructions that kernels for them are written in.
    #[must_use]
    pub fn is_supported(self) -> bool {
        Instructions::fastest(self).is_some()
    }
}
