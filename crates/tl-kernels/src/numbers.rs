//! In which numbers a network computes.

/// The numbers that pointwise convolutions multiply, which is nearly all of a network's work. Everything else is f32
/// always: sums, depthwise convolutions, the first layer, what residual blocks add up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Numbers {
    /// 32-bit floats.
    #[default]
    F32,
    /// bf16, rounded on the way into a pointwise convolution; two for the time of one f32.
    Bf16,
    /// Bytes, inputs in steps of [`crate::Conv::range`] and weights in steps of each output channel's own; four for
    /// the time of one f32.
    Int8,
}

impl Numbers {
    /// `f32`, `bf16` or `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Whether this processor has the instructions that the kernels are written in.
    #[must_use]
    pub fn is_supported(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let has_more = match self {
                Self::F32 => true,
                Self::Bf16 => is_x86_feature_detected!("avx512bf16"),
                Self::Int8 => is_x86_feature_detected!("avx512vnni"),
            };
            is_x86_feature_detected!("avx512f") && has_more
        }
        #[cfg(not(target_arch = "x86_64"))]
        false
    }
}
