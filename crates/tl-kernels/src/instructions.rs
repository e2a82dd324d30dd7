//! In which instructions kernels are written.

use crate::numbers::Numbers;
#[cfg(target_arch = "x86_64")]
use crate::x86::has_tiles;

/// Sets of instructions that there are kernels in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Instructions {
    /// 256-bit registers with multiply-adds of f32: x86-64 since about 2013.
    Avx2,
    /// The same with int8 and int16: Intel's laptops since 2021, AMD's since 2024.
    AvxVnni,
    /// 512-bit registers; bf16, int8 and int16 where the processor has instructions for them too.
    Avx512,
    /// Tiles that multiply bf16 and int8, with AVX-512 for the rest: Intel's servers since 2023, on Linux.
    Amx,
}

impl Instructions {
    /// The fastest first.
    pub const ALL: [Self; 4] = [Self::Amx, Self::Avx512, Self::AvxVnni, Self::Avx2];

    /// `avx2`, `avx_vnni`, `avx512` or `amx`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avx_vnni",
            Self::Avx512 => "avx512",
            Self::Amx => "amx",
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
            (Self::Avx2, Numbers::F32 | Numbers::Int16 | Numbers::Int8) => {
                is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
            }
            (Self::AvxVnni, Numbers::Int16 | Numbers::Int8) => {
                Self::Avx2.can(numbers) && is_x86_feature_detected!("avxvnni")
            }
            (Self::Avx512, Numbers::F32) => is_x86_feature_detected!("avx512f"),
            (Self::Avx512, Numbers::Bf16) => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bf16")
            }
            (Self::Avx512, Numbers::Int16 | Numbers::Int8) => {
                is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni")
            }
            (Self::Amx, Numbers::Bf16 | Numbers::Int8) => Self::Avx512.can(numbers) && has_tiles(numbers),
            _ => false,
        }
    }

    /// Whether this processor computes networks in these numbers by these instructions.
    #[must_use]
    #[cfg(not(target_arch = "x86_64"))]
    pub fn can(self, _: Numbers) -> bool {
        false
    }
}
