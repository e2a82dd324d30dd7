//! Whether there are tiles of AMX for this process.
#![allow(unsafe_code)]

use std::{arch::x86_64::__cpuid_count, sync::OnceLock};

use crate::numbers::Numbers;

/// Bits of EDX in CPUID's leaf 7, for which std's macro has no names in stable Rust.
const BF16: u32 = 1 << 22;
const TILES: u32 = 1 << 24;
const INT8: u32 = 1 << 25;

/// Whether tiles multiply these numbers here. Asked once: CPUID is slow in virtual machines.
pub(crate) fn has_tiles(numbers: Numbers) -> bool {
    static FOUND: OnceLock<u32> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let found = if __cpuid_count(0, 0).eax >= 7 { __cpuid_count(7, 0).edx } else { 0 };
        if found & TILES != 0 && is_granted() { found } else { 0 }
    });
    match numbers {
        Numbers::F32 | Numbers::Int16 => false,
        Numbers::Bf16 => found & BF16 != 0,
        Numbers::Int8 => found & INT8 != 0,
    }
}

/// Asks for what tiles hold to be kept when threads take turns: a process has to, for it is a lot (Linux,
/// Documentation/arch/x86/xstate.rst).
#[cfg(target_os = "linux")]
fn is_granted() -> bool {
    const ARCH_REQ_XCOMP_PERM: libc::c_long = 0x1023;
    const XFEATURE_XTILE_DATA: libc::c_long = 18;
    // SAFETY: the call takes two numbers, and touches no memory of the process.
    unsafe { libc::syscall(libc::SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILE_DATA) == 0 }
}

/// Other systems are not known to.
#[cfg(not(target_os = "linux"))]
fn is_granted() -> bool {
    false
}
