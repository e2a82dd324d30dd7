//! The first layer: from the bytes of a photo, three values a pixel, to sixteen channels a line.

use crate::{
    layer::{Activation, Conv},
    x86::{
        lines::{LANES, Line, lines},
        map::Map,
        registers::{Registers, activate},
    },
};

/// Colours of a pixel.
const COLORS: usize = 3;
const KERNEL: usize = 3;
const STRIDE: usize = 2;
/// Values that a row of the kernel reads; its pixels lie side by side.
const ROW: usize = KERNEL * COLORS;

/// The colours' means, as often as makes whole lines of them.
type Means = [f32; COLORS * LANES];

/// Weights as `[blocks][27]` lines.
#[derive(Clone)]
pub(crate) struct Stem {
    side: usize,
    padding: usize,
    mean: Means,
    activation: Activation,
    weights: Vec<Line>,
    bias: Vec<Line>,
    /// The photo's rows of a band, with zeros around them.
    rows: Vec<f32>,
}

impl Stem {
    /// For photos of `side` pixels and bands of `n_rows`.
    pub(crate) fn new(conv: &Conv, side: usize, n_rows: usize, mean: [f32; 3]) -> Self {
        let blocks = conv.n_out.div_ceil(LANES);
        let mut weights = vec![Line::default(); blocks * KERNEL * ROW];
        for (channel, kernel) in conv.weight.chunks_exact(KERNEL * ROW).enumerate() {
            // From [colour][row][column] to [row][column][colour].
            for (i, &value) in kernel.iter().enumerate() {
                let (color, row, column) = (i / (KERNEL * KERNEL), i / KERNEL % KERNEL, i % KERNEL);
                let k = row * ROW + column * COLORS + color;
                weights[channel / LANES * KERNEL * ROW + k].0[channel % LANES] = value;
            }
        }
        let row_len = (side + KERNEL) * COLORS;
        Self {
            side,
            padding: conv.padding,
            mean: std::array::from_fn(|i| mean[i % COLORS]),
            activation: conv.activation,
            weights,
            bias: lines(&conv.bias),
            rows: vec![0.0; ((n_rows - 1) * STRIDE + KERNEL) * row_len],
        }
    }

    /// Rows `start..end` of `y`, from a photo `[side, side, 3]`.
    pub(crate) fn run<R: Registers>(&mut self, r: R, photo: &[u8], y: &mut Map, start: usize, end: usize) {
        let row_len = (self.side + KERNEL) * COLORS;
        self.fill(r, photo, start * STRIDE, (end - start - 1) * STRIDE + KERNEL, row_len);
        for row in start..end {
            let x = &self.rows[(row - start) * STRIDE * row_len..][..KERNEL * row_len];
            for (block, (weights, bias)) in self.weights.as_chunks().0.iter().zip(&self.bias).enumerate() {
                let (to, width) = (y.shape.place(row), y.shape.side);
                let y = &mut y.lines_mut(block, to)[..width];
                r.compiled(
                    #[inline(always)]
                    || match R::N {
                        // As many pixels as leave room for the weights.
                        16.. => self.row::<R, 14>(r, x, row_len, weights, bias, y),
                        _ => self.row::<R, 4>(r, x, row_len, weights, bias, y),
                    },
                );
            }
        }
    }

    /// Normalises `n` rows of the photo; `first` counts those of zeros above it.
    fn fill<R: Registers>(&mut self, r: R, photo: &[u8], first: usize, n: usize, row_len: usize) {
        let photo_row = self.side * COLORS;
        for (i, out) in self.rows.chunks_exact_mut(row_len).take(n).enumerate() {
            let out = &mut out[self.padding * COLORS..][..photo_row];
            match (first + i).checked_sub(self.padding).filter(|&y| y < self.side) {
                None => out.fill(0.0),
                Some(y) => {
                    let (values, mean) = (&photo[y * photo_row..][..photo_row], &self.mean);
                    r.compiled(
                        #[inline(always)]
                        || subtract(values, mean, out),
                    );
                }
            }
        }
    }

    /// In tiles of `WIDE` pixels.
    #[inline(always)]
    fn row<R: Registers, const WIDE: usize>(
        &self,
        r: R,
        x: &[f32],
        row_len: usize,
        weights: &[Line; KERNEL * ROW],
        bias: &Line,
        y: &mut [Line],
    ) {
        let (wide, rest) = y.as_chunks_mut::<WIDE>();
        let n_wide = wide.len() * WIDE;
        for (i, y) in wide.iter_mut().enumerate() {
            self.tile(r, &x[i * WIDE * STRIDE * COLORS..], row_len, weights, bias, y);
        }
        for (i, y) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            self.tile(r, &x[(n_wide + i) * STRIDE * COLORS..], row_len, weights, bias, y);
        }
    }

    #[inline(always)]
    fn tile<R: Registers, const P: usize>(
        &self,
        r: R,
        x: &[f32],
        row_len: usize,
        weights: &[Line; KERNEL * ROW],
        bias: &Line,
        y: &mut [Line; P],
    ) {
        let mut sums = [r.load(bias); P];
        for (ky, weights) in weights.as_chunks::<ROW>().0.iter().enumerate() {
            let x = &x[ky * row_len..][..(P - 1) * STRIDE * COLORS + ROW];
            for (k, weight) in weights.iter().enumerate() {
                let weight = r.load(weight);
                for (p, sum) in sums.iter_mut().enumerate() {
                    *sum = r.mul_add(r.splat(x[p * STRIDE * COLORS + k]), weight, *sum);
                }
            }
        }
        for (y, sum) in y.iter_mut().zip(sums) {
            r.store(y, activate(r, self.activation, sum));
        }
    }
}

/// `values - means`, many at a time.
#[inline(always)]
fn subtract(values: &[u8], means: &Means, out: &mut [f32]) {
    let (values, rest) = values.as_chunks::<{ COLORS * LANES }>();
    let (out, out_rest) = out.as_chunks_mut::<{ COLORS * LANES }>();
    for (out, values) in out.iter_mut().zip(values) {
        for i in 0..COLORS * LANES {
            out[i] = f32::from(values[i]) - means[i];
        }
    }
    for ((out, &value), mean) in out_rest.iter_mut().zip(rest).zip(means) {
        *out = f32::from(value) - mean;
    }
}
