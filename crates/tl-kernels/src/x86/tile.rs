//! The innermost loops: a tile of pixels by lines of output channels, held in registers from the first input channel to
//! the last.

use crate::x86::{
    clamp::Clamp,
    lines::{LANES, Line},
    registers::Registers,
};

/// Blocks of output channels that go through the input together.
pub(crate) struct Group {
    pub(crate) first_block: usize,
    /// For each value of the input's lines, a line for each block.
    pub(crate) weights: Vec<Line>,
    /// A line for each block.
    pub(crate) bias: Vec<Line>,
    /// What one step of the sum is worth, where it is an integer. A line for each block.
    pub(crate) scale: Vec<Line>,
}

/// Where a group's outputs go.
pub(crate) struct Outputs<'a> {
    pub(crate) n_pixels: usize,
    /// From the first pixel in the group's first block on.
    pub(crate) lines: &'a mut [Line],
    /// Lines from a block to the next.
    pub(crate) block_len: usize,
    /// Of each pixel, from the first line.
    pub(crate) offsets: &'a [usize],
    pub(crate) clamp: Clamp,
}

/// How numbers are multiplied.
pub(crate) trait Multiplier: Copy {
    type Registers: Registers;
    /// Sixteen channels of a pixel.
    type Input;
    /// Sums of sixteen output channels.
    type Sum: Copy;
    /// Values of an input, for each of which there is a line of weights.
    const N_VALUES: usize;

    fn registers(self) -> Self::Registers;
    /// A sum of no products yet.
    fn start(self, bias: &Line) -> Self::Sum;
    /// `sum` plus the products of value `k` with a line of weights.
    fn multiply_add(
        self,
        x: &Self::Input,
        k: usize,
        weights: <Self::Registers as Registers>::Sixteen,
        sum: Self::Sum,
    ) -> Self::Sum;
    /// What the sum stands for.
    fn end(self, sum: Self::Sum, scale: &Line, bias: &Line) -> <Self::Registers as Registers>::Sixteen;
}

/// Multiplies f32.
#[derive(Clone, Copy)]
pub(crate) struct Floats<R>(pub(crate) R);

impl<R: Registers> Multiplier for Floats<R> {
    type Registers = R;
    type Input = Line;
    type Sum = R::Sixteen;
    const N_VALUES: usize = LANES;

    #[inline(always)]
    fn registers(self) -> R {
        self.0
    }

    #[inline(always)]
    fn start(self, bias: &Line) -> R::Sixteen {
        self.0.load(bias)
    }

    #[inline(always)]
    fn multiply_add(self, x: &Line, k: usize, weights: R::Sixteen, sum: R::Sixteen) -> R::Sixteen {
        self.0.mul_add(self.0.splat(x.0[k]), weights, sum)
    }

    #[inline(always)]
    fn end(self, sum: R::Sixteen, _: &Line, _: &Line) -> R::Sixteen {
        sum
    }
}

/// All pixels of `x`, whose first block of channels is followed by the next after `block_len` lines, for a group of `C`
/// blocks: in tiles of `WIDE` pixels as far as possible, with as many of `NARROW` before as leave no rest, if any do.
#[inline(always)]
pub(crate) fn columns<M: Multiplier, const C: usize, const WIDE: usize, const NARROW: usize>(
    m: M,
    group: &Group,
    x: &[M::Input],
    block_len: usize,
    outputs: &mut Outputs<'_>,
) {
    let n = outputs.n_pixels;
    let leaves_none = |n_narrow: &usize| (n - n_narrow * NARROW).is_multiple_of(WIDE);
    let n_narrow = (0..=n / NARROW).take(WIDE).find(leaves_none).unwrap_or(n % WIDE / NARROW);
    let mut pixel = 0;
    for _ in 0..n_narrow {
        tile::<M, NARROW, C>(m, group, x, block_len, pixel, outputs);
        pixel += NARROW;
    }
    while pixel + WIDE <= n {
        tile::<M, WIDE, C>(m, group, x, block_len, pixel, outputs);
        pixel += WIDE;
    }
    while pixel < n {
        tile::<M, 1, C>(m, group, x, block_len, pixel, outputs);
        pixel += 1;
    }
}

/// In one piece and by loops over indices: the sums would be kept in memory otherwise.
#[allow(clippy::needless_range_loop, reason = "the indices say which registers meet")]
#[inline(always)]
fn tile<M: Multiplier, const P: usize, const C: usize>(
    m: M,
    group: &Group,
    x: &[M::Input],
    block_len: usize,
    pixel: usize,
    outputs: &mut Outputs<'_>,
) {
    let r = m.registers();
    let bias: &[Line; C] = group.bias.first_chunk().expect("a line for each block");
    let scale: &[Line; C] = group.scale.first_chunk().unwrap_or(bias);
    let mut sums = [[m.start(&bias[0]); C]; P];
    for p in 0..P {
        for c in 0..C {
            sums[p][c] = m.start(&bias[c]);
        }
    }
    for (block, weights) in group.weights.as_chunks::<C>().0.chunks_exact(M::N_VALUES).enumerate() {
        let x: &[M::Input; P] = x[block * block_len + pixel..].first_chunk().expect("a tile of pixels");
        for k in 0..M::N_VALUES {
            let mut line = [r.splat(0.0); C];
            for c in 0..C {
                line[c] = r.load(&weights[k][c]);
            }
            for p in 0..P {
                for c in 0..C {
                    sums[p][c] = m.multiply_add(&x[p], k, line[c], sums[p][c]);
                }
            }
        }
    }
    let offsets: &[usize; P] = outputs.offsets[pixel..].first_chunk().expect("an offset for each pixel");
    for c in 0..C {
        let y = &mut outputs.lines[c * outputs.block_len..];
        for p in 0..P {
            let sum = m.end(sums[p][c], &scale[c], &bias[c]);
            r.store(&mut y[offsets[p]], outputs.clamp.apply(r, sum));
        }
    }
}
