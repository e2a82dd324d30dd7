//! In which instructions kernels are written.

use crate::numbers::Numbers;

/// Sets of instructions that there are kernels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// 256-bit registers with multiply-adds of f32: x86-64 since about 2013.
    Avx2,
    /// 512-bit registers; bf16 and int8 where the processor has instructions for them too.
    Avx512,
}

impl Instructions {
    /// Both, the faster first.
    pub const ALL: [Self; 2] = [Self::Avx512, Self::Avx2];

    /// `avx2` or `avx512`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// The fastest of this processor for networks in these numbers, if there are any.
    #[must_use]
    pub fn fastest(numbers: Numbers) -> Option<Self> {
        Self::ALL.into_iter().find(|instructions| instructions.can(numbers))
    }

    /// Whether this processor computes networks in these numbers by these instructions.
    #[must_use]
    #[cfg(target_arch = "x86_64")]
    pub fn can(self, numbers: Numbers) -> bool {
        match (self, numbers) {
            (Self::Avx2, Numbers::F32 | Numbers::Int8) => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
            }
            (Self::Avx2, Numbers::Bf16) => false,
            (Self::Avx512, Numbers::F32) => is_x86_feature_detected!("avx512f"),
            (Self::Avx512, Numbers::Bf16) => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
            }
            (Self::Avx512, Numbers::Int8) => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
            }
        }
    }

    /// Whether this processor computes networks in these numbers by these instructions.
    #[must_use]
    #[cfg(not(target_arch = "x86_64"))]
    pub fn can(self, _: Numbers) -> bool {
        false
    }
}
