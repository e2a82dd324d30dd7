//! Tiles of AMX: up to sixteen lines of 32 bf16 or 64 bytes each, which are multiplied by sixteen lines of weights at once.
//!
//! Described in the Intel 64 and IA-32 Architectures Software Developer's Manual, volume 1, chapter 18.
#![allow(unsafe_code)]

use std::{arch::asm, iter::zip};

use super::{
    Avx512,
    products::{Factors, Sums, Tiles},
    shapes::Shapes,
};
use crate::x86::{
    lines::{ByteLine, HalfLine, LANES, Line},
    map::Map,
    registers::Registers,
    tile::{Group, Outputs},
};

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
    let [mut sums, mut sums_before] = sums.each_mut();
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
                match (next.len(), n_next) {
                    (0, _) => T::multiply::<0>(&factors, next.as_ptr(), sums),
                    (_, MANY) => T::multiply::<MANY>(&factors, next.as_ptr(), sums),
                    _ => T::multiply::<FEW>(&factors, next.as_ptr(), sums),
                }
            }
            next = next.get(n_next * n_lines..).unwrap_or_default();
            // The sums before are written while these are computed: to wait for each takes longer than most.
            if let Some((blocks, pixels)) = before.replace((blocks, pixels)) {
                finish(sums_before, blocks, pixels);
            }
            std::mem::swap(&mut sums, &mut sums_before);
        }
    }
    if let Some((blocks, pixels)) = before {
        finish(sums_before, blocks, pixels);
    }
    // SAFETY: there are tiles, and nothing in them is needed any more.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
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
