//! Products of tiles: pixels by weights, four at a time.
#![allow(unsafe_code)]

use std::arch::{
    asm,
    x86_64::{__m512, _mm512_castps_si512},
};

use super::{Avx512, bytes::Bytes};
use crate::x86::{
    lines::{LANES, Line},
    registers::Registers,
    tile::{Group, Multiplier},
};

/// Sums of two tiles of pixels by two blocks of output channels, a line for each pixel.
pub(super) type Sums = [[[Line; LANES]; 2]; 2];

/// Where two tiles of pixels and the weights of two blocks begin, and how they go on.
pub(super) struct Factors {
    pixels: [*const Line; 2],
    weights: [*const Line; 2],
    /// From the pixels' channels in a line to those in the next, in bytes.
    pixel_step: isize,
    /// From the weights of a line of channels to those of the next, in bytes.
    tile_step: isize,
    /// From a line of weights to the next of the same block, in bytes.
    weight_step: usize,
    /// Lines that a pixel's channels fill.
    n_lines: usize,
}

impl Factors {
    /// The first pixels of both tiles in `x`, and both blocks of the group's; from the last line of channels if `is_back`.
    pub(super) fn new(
        x: &[Line],
        pixels: [usize; 2],
        group: &Group,
        blocks: [usize; 2],
        block_len: usize,
        n_lines: usize,
        is_back: bool,
    ) -> Self {
        let (n_blocks, line) = (group.bias.len(), size_of::<Line>());
        let (first, sign) = if is_back { (n_lines - 1, -1) } else { (0, 1) };
        let step = |lines: usize| sign * (lines * line).cast_signed();
        Self {
            pixels: pixels.map(|pixel| x[first * block_len + pixel..].as_ptr()),
            weights: blocks.map(|block| group.weights[first * LANES * n_blocks + block..].as_ptr()),
            pixel_step: step(block_len),
            tile_step: step(LANES * n_blocks),
            weight_step: n_blocks * line,
            n_lines,
        }
    }
}

/// How numbers in tiles are multiplied.
pub(super) trait Tiles {
    /// Replaces the sums.
    ///
    /// # Safety
    /// There are tiles, [shaped](super::shapes::Shapes::load) for these factors, which are there.
    ///
    /// Meanwhile lines from `next` on are asked for, `N` with each line of a pixel's channels.
    unsafe fn multiply<const N: usize>(factors: &Factors, next: *const Line, sums: &mut Sums);
    /// What a line of sums stands for.
    fn end(r: Avx512, sums: &Line, scale: &Line, bias: &Line) -> __m512;
}

pub(super) struct Bf16Tiles;
pub(super) struct ByteTiles;

/// Four products share two loads of each sort; the first and second two tiles of sums belong to a tile of pixels each. What
/// the next four need is asked for meanwhile: a tile that has to wait for the second cache keeps the multiplier waiting.
macro_rules! multiply {
    ($instruction:literal) => {
        unsafe fn multiply<const N: usize>(factors: &Factors, next: *const Line, sums: &mut Sums) {
            // SAFETY: as the caller knows; sums have room for four tiles of sixteen lines, and asking for memory touches none.
            unsafe {
                asm!(
                    "tilezero tmm0",
                    "tilezero tmm1",
                    "tilezero tmm2",
                    "tilezero tmm3",
                    "2:",
                    "tileloadd tmm4, [{x0} + {line}]",
                    "tileloadd tmm6, [{w0} + {weight_step}]",
                    concat!($instruction, " tmm0, tmm4, tmm6"),
                    "tileloadd tmm7, [{w1} + {weight_step}]",
                    concat!($instruction, " tmm1, tmm4, tmm7"),
                    "tileloadd tmm5, [{x1} + {line}]",
                    concat!($instruction, " tmm2, tmm5, tmm6"),
                    "add {x0}, {pixel_step}",
                    "add {x1}, {pixel_step}",
                    "add {w0}, {tile_step}",
                    "add {w1}, {tile_step}",
                    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    "prefetcht0 [{x0} + 64*\\i]",
                    "prefetcht0 [{w0} + 128*\\i]",
                    ".endr",
                    concat!($instruction, " tmm3, tmm5, tmm7"),
                    ".irp i,0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15",
                    "prefetcht0 [{x1} + 64*\\i]",
                    "prefetcht0 [{w1} + 128*\\i]",
                    ".endr",
                    ".rept {n_next}",
                    "prefetcht1 [{next}]",
                    "add {next}, {line}",
                    ".endr",
                    "dec {n}",
                    "jnz 2b",
                    "tilestored [{sums} + {line}], tmm0",
                    "tilestored [{sums} + {line} + 1024], tmm1",
                    "tilestored [{sums} + {line} + 2048], tmm2",
                    "tilestored [{sums} + {line} + 3072], tmm3",
                    x0 = inout(reg) factors.pixels[0] => _,
                    x1 = inout(reg) factors.pixels[1] => _,
                    w0 = inout(reg) factors.weights[0] => _,
                    w1 = inout(reg) factors.weights[1] => _,
                    n = inout(reg) factors.n_lines => _,
                    next = inout(reg) next => _,
                    n_next = const N,
                    pixel_step = in(reg) factors.pixel_step,
                    weight_step = in(reg) factors.weight_step,
                    tile_step = in(reg) factors.tile_step,
                    line = in(reg) size_of::<Line>(),
                    sums = in(reg) std::ptr::from_mut(sums),
                    out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                    out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                    options(nostack)
                );
            }
        }
    };
}

impl Tiles for Bf16Tiles {
    multiply!("tdpbf16ps");

    #[inline(always)]
    fn end(r: Avx512, sums: &Line, _: &Line, bias: &Line) -> __m512 {
        r.add(r.load(sums), r.load(bias))
    }
}

impl Tiles for ByteTiles {
    multiply!("tdpbusd");

    #[inline(always)]
    fn end(r: Avx512, sums: &Line, scale: &Line, bias: &Line) -> __m512 {
        // SAFETY: the processor has been asked.
        let sums = unsafe { _mm512_castps_si512(r.load(sums)) };
        Bytes(r).end(sums, scale, bias)
    }
}
