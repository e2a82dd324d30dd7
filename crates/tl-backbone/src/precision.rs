//! The arithmetic of the inference form.

use tch::Kind;
use tl_torch::CpuCapability;

/// In which numbers the inference form computes; features are f32 in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// Weights and activations of 16 bits with the range of f32 and 8 bits of precision, sums in f32; the first
    /// two blocks, which can least bear rounding, in f32.
    Bf16,
}

impl Precision {
    /// bf16 where the processor multiplies it by hardware, else f32.
    #[must_use]
    pub fn auto() -> Self {
        if CpuCapability::detect().has_fast_bf16() { Self::Bf16 } else { Self::F32 }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::F32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}
