//! How large the tiles of AMX are.
#![allow(unsafe_code)]

use std::arch::asm;

use crate::x86::lines::{LANES, Line};

/// How large tiles are, as `ldtilecfg` reads it.
#[repr(C, align(64))]
pub(super) struct Shapes {
    palette: u8,
    first_row: u8,
    reserved: [u8; 14],
    bytes_in_row: [u16; 16],
    n_rows: [u8; 16],
}

impl Shapes {
    /// Tiles of weights are whole; those of pixels, and so those of sums, have this many rows.
    pub(super) fn new(n_pixels: usize) -> Self {
        let n_rows = |tile| if tile < 6 { n_pixels } else { LANES };
        Self {
            palette: 1,
            first_row: 0,
            reserved: [0; 14],
            bytes_in_row: std::array::from_fn(|tile| if tile < 8 { size_of::<Line>() as u16 } else { 0 }),
            n_rows: std::array::from_fn(|tile| if tile < 8 { n_rows(tile) as u8 } else { 0 }),
        }
    }

    /// Shapes all tiles.
    ///
    /// # Safety
    /// There must be tiles; what is in them is lost.
    pub(super) unsafe fn load(&self) {
        // SAFETY: as the caller knows; 64 bytes are read.
        unsafe {
            asm!("ldtilecfg [{}]", in(reg) std::ptr::from_ref(self), options(readonly, nostack, preserves_flags));
        }
    }
}
