//! What kernels ask of a processor.

use crate::{
    Matrix,
    layer::Activation,
    numbers::Numbers,
    x86::{
        lines::Line,
        map::Map,
        rounding::Rounding,
        tile::{Group, Outputs},
    },
};

/// Sixteen f32 at a time, in one register or in several. There is a value of such a type only where the processor has
/// been asked; so its methods are safe.
///
/// They are single instructions, and stay so only within [`compiled`](Self::compiled): whatever calls them is inlined
/// into that, always, and has no closures of its own around them.
pub(crate) trait Registers: Copy {
    /// In registers.
    type Sixteen: Copy;
    /// How many of those the processor holds.
    const N: usize;
    /// Blocks of output channels that go through a pointwise convolution together, if there are so many.
    const BLOCKS_AT_ONCE: usize;

    /// How many numbers fill the 32 bits of an input that are multiplied at once.
    fn n_together(self, numbers: Numbers) -> usize;

    /// Blocks of channels whose numbers are side by side in memory, so as to fill lines.
    fn blocks_per_line(self, _: Numbers) -> usize {
        1
    }

    /// Runs `task`, which must be `inline(always)`, compiled for this processor.
    fn compiled<T>(self, task: impl FnOnce() -> T) -> T;

    fn splat(self, x: f32) -> Self::Sixteen;
    fn load(self, line: &Line) -> Self::Sixteen;
    fn store(self, line: &mut Line, x: Self::Sixteen);

    /// Reads the first `n` values from there on, all sixteen if `n` is more; the others are zeros.
    ///
    /// # Safety
    /// They must be there.
    #[allow(unsafe_code)]
    unsafe fn load_first(self, n: usize, from: *const f32) -> Self::Sixteen;

    /// Writes the first `n` values from there on.
    ///
    /// # Safety
    /// There must be room for them.
    #[allow(unsafe_code)]
    unsafe fn store_first(self, n: usize, to: *mut f32, x: Self::Sixteen);

    fn add(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
    fn mul(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
    /// `a * b + c`, rounded once.
    fn mul_add(self, a: Self::Sixteen, b: Self::Sixteen, c: Self::Sixteen) -> Self::Sixteen;
    fn max(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;
    fn min(self, a: Self::Sixteen, b: Self::Sixteen) -> Self::Sixteen;

    /// Rounds lines of a block into the map from `place` on. The map is of the same numbers, and not of f32.
    fn round(self, rounding: &Rounding, lines: &[Line], map: &mut Map, block: usize, place: usize);
    /// A group's sums for the pixels of `x` from `place` on, in tiles of the size that suits these registers. The weights of
    /// the group `next` are wanted soon.
    fn tiles(self, group: &Group, next: Option<&Group>, x: &Map, place: usize, outputs: &mut Outputs<'_>);
    /// As [`crate::multiply`], of matrices that fit together and into their slices, and are not empty.
    fn multiply(self, left: Matrix<'_>, right: &[f32], product: &mut [f32]);
}

/// What is done to a value on its way out of a layer.
#[inline(always)]
pub(crate) fn activate<R: Registers>(r: R, activation: Activation, x: R::Sixteen) -> R::Sixteen {
    match activation {
        Activation::None => x,
        Activation::Relu => r.max(x, r.splat(0.0)),
        Activation::Relu6 => relu6(r, x),
        Activation::Hardswish => {
            let gate = relu6(r, r.add(x, r.splat(3.0)));
            r.mul(r.mul(x, gate), r.splat(1.0 / 6.0))
        }
    }
}

#[inline(always)]
fn relu6<R: Registers>(r: R, x: R::Sixteen) -> R::Sixteen {
    r.min(r.max(x, r.splat(0.0)), r.splat(6.0))
}
