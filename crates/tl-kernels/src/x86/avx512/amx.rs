//! Tiles of AMX: up to sixteen lines of 32 bf16 or 64 bytes each, which are multiplied by sixteen lines of weights at once.
//!
//! Described in the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#![allow(unsafe_code)]

use std::{
    arch::{
        asm,
        x86_64::{__m512, _mm512_castps_si512},
    },
    iter::zip,
};

use super::{Avx512, bytes::Bytes, shapes::Shapes};
use crate::x86::{
    lines::{ByteLine, HalfLine, LANES, Line},
    map::Map,
    registers::Registers,
    tile::{Group, Multiplier, Outputs},
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

/// How numbers in tiles are multiplied.
pub(super) trait Tiles {
    /// Replaces the sums.
    ///
    /// # Safety
    /// There are tiles, [shaped](Shapes::load) for these factors, which are there.
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

/// Lines of the next group's weights that are asked for with each line of channels: of large maps few, since there is time
/// until they are needed, of small ones many.
const FEW: usize = 4;
const MANY: usize = 16;

/// A group's sums for the pixels from `place` on, two tiles by two blocks at a time. Tiles are as small as leaves nothing
/// over; where that cannot be, pixels are computed twice, and so is a block without another. Every other time channels are
/// taken from the last to the first: the weights of those are still in the nearest cache.
pub(super) fn tiles<T: Tiles>(
    r: Avx512,
    group: &Group,
    next: Option<&Group>,
    x: &Map,
    place: usize,
    outputs: &mut Outputs<'_>,
) {
    let (n_blocks, n_pixels, block_len) = (group.bias.len(), outputs.n_pixels, x.shape.block_len());
    let n_rows = n_pixels.div_ceil(2 * n_pixels.div_ceil(2 * LANES));
    let n_lines = group.weights.len() / (n_blocks * LANES);
    let x = &x.lines(0, place)[..(n_lines - 1) * block_len + n_pixels];
    let mut sums: [Sums; 2] = [[[[Line::default(); LANES]; 2]; 2]; 2];
    let mut next = next.map_or(&[][..], |next| &next.weights);
    let n_next = if next.len() > FEW * n_lines * n_pixels.div_ceil(2 * n_rows) { MANY } else { FEW };
    let mut finish = |sums: &Sums, blocks: [usize; 2], pixels: [usize; 2]| {
        for (sums, pixel) in zip(sums, pixels) {
            for (sums, block) in zip(sums, blocks) {
                r.compiled(
                    #[inline(always)]
                    || write::<T>(r, &sums[..n_rows], group, block, pixel, outputs),
                );
            }
        }
    };
    // SAFETY: there are tiles, and no others in use.
    unsafe { Shapes::new(n_rows).load() };
    let mut before = None;
    for block in (0..n_blocks).step_by(2) {
        let blocks = [block, (block + 1).min(n_blocks - 1)];
        for (turn, pixel) in (0..n_pixels).step_by(2 * n_rows).enumerate() {
            let pixels = [pixel, pixel + n_rows].map(|pixel| pixel.min(n_pixels - n_rows));
            let factors = Factors::new(x, pixels, group, blocks, block_len, n_lines, turn % 2 == 1);
            // SAFETY: of `x` there are `n_rows` pixels from both on in each of their lines, and of weights sixteen lines of
            // each block for every line of a pixel.
            unsafe {
                match next.as_ptr() {
                    _ if next.is_empty() => T::multiply::<0>(&factors, std::ptr::null(), &mut sums[0]),
                    at if n_next == MANY => T::multiply::<MANY>(&factors, at, &mut sums[0]),
                    at => T::multiply::<FEW>(&factors, at, &mut sums[0]),
                }
            }
            next = next.get(n_next * n_lines..).unwrap_or_default();
            // The sums before are written while these are computed: to wait for each takes longer than most.
            if let Some((blocks, pixels)) = before.replace((blocks, pixels)) {
                finish(&sums[1], blocks, pixels);
            }
            sums.swap(0, 1);
        }
    }
    if let Some((blocks, pixels)) = before {
        finish(&sums[1], blocks, pixels);
    }
    // SAFETY: there are tiles, and nothing in them is needed any more.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
}

impl Factors {
    /// The first pixels of both tiles in `x`, and both blocks of the group's; from the last line of channels if `is_back`.
    fn new(
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

#[inline(always)]
fn write<T: Tiles>(r: Avx512, sums: &[Line], group: &Group, block: usize, pixel: usize, outputs: &mut Outputs<'_>) {
    let bias = &group.bias[block];
    let scale = group.scale.get(block).unwrap_or(bias);
    let y = &mut outputs.lines[block * outputs.block_len..];
    for (sums, &offset) in zip(sums, &outputs.offsets[pixel..]) {
        r.store(&mut y[offset], outputs.clamp.apply(r, T::end(r, sums, scale, bias)));
    }
}

/// The halves at `part` of lines.
pub(super) fn halves(lines: &mut [Line], part: usize) -> impl Iterator<Item = &mut HalfLine> {
    // SAFETY: a line has room for two halves, which may have any bits.
    lines.iter_mut().map(move |line| unsafe { &mut (*std::ptr::from_mut(line).cast::<[HalfLine; 2]>())[part] })
}

/// The quarters at `part` of lines.
pub(super) fn quarters(lines: &mut [Line], part: usize) -> impl Iterator<Item = &mut ByteLine> {
    // SAFETY: as above, with four of them.
    lines.iter_mut().map(move |line| unsafe { &mut (*std::ptr::from_mut(line).cast::<[ByteLine; 4]>())[part] })
}
