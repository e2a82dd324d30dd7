//! What this processor and this libtorch can do.

use std::ffi::CStr;

use crate::ffi;

/// Instruction sets that decide which arithmetic is fast.
// Each is a fact of its own: there is no state machine in them.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuCapability {
    /// AVX-512 with the F, BW, VL and DQ parts.
    pub avx512: bool,
    /// Multiply-add of bf16 pairs into f32.
    pub avx512_bf16: bool,
    /// Multiply-add of bytes into 32-bit integers.
    pub avx512_vnni: bool,
    /// The same in 256-bit registers, on processors without AVX-512.
    pub avx_vnni: bool,
    /// Tile registers that multiply bf16 and byte matrices.
    pub amx: bool,
}

impl CpuCapability {
    /// Asks the processor.
    #[must_use]
    #[cfg(target_arch = "x86_64")]
    pub fn detect() -> Self {
        // CPUID leaf 7: EDX bit 22 is AMX-BF16, bit 24 AMX-TILE; std's macro does not know them in stable Rust.
        const AMX: u32 = 1 << 22 | 1 << 24;
        let has_leaf_7 = std::arch::x86_64::__cpuid(0).eax >= 7;
        Self {
            avx512: is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512dq"),
            avx512_bf16: is_x86_feature_detected!("avx512bf16"),
            avx512_vnni: is_x86_feature_detected!("avx512vnni"),
            avx_vnni: is_x86_feature_detected!("avxvnni"),
            amx: has_leaf_7 && std::arch::x86_64::__cpuid_count(7, 0).edx & AMX == AMX,
        }
    }

    /// Other architectures have none of these.
    #[must_use]
    #[cfg(not(target_arch = "x86_64"))]
    pub fn detect() -> Self {
        Self { avx512: false, avx512_bf16: false, avx512_vnni: false, avx_vnni: false, amx: false }
    }

    /// Whether bf16 is multiplied by hardware: elsewhere it is converted at every step and slower than f32.
    #[must_use]
    pub fn has_fast_bf16(self) -> bool {
        self.avx512_bf16 || self.amx
    }

    /// Whether oneDNN computes in bf16 at all: with AVX-512 it does even where it has to convert at every step.
    #[must_use]
    pub fn has_onednn_bf16(self) -> bool {
        self.avx512 || self.has_fast_bf16()
    }

    /// Whether bytes are multiplied and added up by hardware.
    #[must_use]
    pub fn has_fast_int8(self) -> bool {
        self.avx512_vnni || self.avx_vnni || self.amx
    }
}

/// The version of the libtorch this was compiled against, such as `2.13.0`.
#[must_use]
#[allow(unsafe_code)]
pub fn libtorch_version() -> String {
    // SAFETY: the shim returns a string literal of its own.
    unsafe { CStr::from_ptr(ffi::tlt_libtorch_version()) }.to_string_lossy().into_owned()
}
