//! Depthwise convolution: each channel with a kernel of its own.

use crate::{
    layer::{Activation, Conv},
    x86::{
        lines::{LANES, Line, lines},
        map::{Map, Shape},
        registers::{Registers, activate},
        rounding::Rounding,
    },
};

/// Weights as `[blocks][kernel * kernel]` lines.
#[derive(Clone)]
pub(crate) struct Depthwise {
    kernel: usize,
    stride: usize,
    padding: usize,
    activation: Activation,
    taps: Vec<Line>,
    bias: Vec<Line>,
    /// Stands for the rows beyond the edges.
    zeros: Vec<Line>,
    /// How its outputs are rounded.
    rounding: Option<Rounding>,
    /// A row of them before.
    row: Vec<Line>,
}

impl Depthwise {
    /// Behind a layer of `side` rows.
    pub(crate) fn new(conv: &Conv, side: usize, rounding: Option<Rounding>) -> Self {
        let n_taps = conv.kernel * conv.kernel;
        let blocks = conv.n_out.div_ceil(LANES);
        let mut taps = vec![Line::default(); blocks * n_taps];
        for (channel, kernel) in conv.weight.chunks_exact(n_taps).enumerate() {
            for (tap, &value) in kernel.iter().enumerate() {
                taps[channel / LANES * n_taps + tap].0[channel % LANES] = value;
            }
        }
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            padding: conv.padding,
            activation: conv.activation,
            taps,
            bias: lines(&conv.bias),
            zeros: vec![Line::default(); side + conv.kernel - 1],
            rounding,
            row: vec![Line::default(); side.div_ceil(conv.stride)],
        }
    }

    /// Rows `start..end` of `y`.
    pub(crate) fn run<R: Registers>(&mut self, r: R, x: &Map, y: &mut Map, start: usize, end: usize) {
        match (self.kernel, self.stride) {
            (3, 1) => self.rows::<R, 3, 1>(r, x, y, start, end),
            (3, _) => self.rows::<R, 3, 2>(r, x, y, start, end),
            (_, 1) => self.rows::<R, 5, 1>(r, x, y, start, end),
            _ => self.rows::<R, 5, 2>(r, x, y, start, end),
        }
    }

    fn rows<R: Registers, const K: usize, const S: usize>(
        &mut self,
        r: R,
        x: &Map,
        y: &mut Map,
        start: usize,
        end: usize,
    ) {
        // Where the rows are is the same in each block, and a division to find out.
        let places: Vec<_> = (start..end).map(|row| (y.shape.place(row), self.places::<K, S>(&x.shape, row))).collect();
        let mut row = std::mem::take(&mut self.row);
        let width = row.len();
        for (block, (taps, bias)) in self.taps.as_chunks::<K>().0.chunks_exact(K).zip(&self.bias).enumerate() {
            let x = x.lines(block, 0);
            for (to, from) in &places {
                let rows = from.map(|from| from.map_or(&self.zeros[..], |from| &x[from..][..self.zeros.len()]));
                let out = match self.rounding {
                    None => &mut y.lines_mut(block, *to)[..width],
                    Some(_) => &mut row[..],
                };
                r.compiled(
                    #[inline(always)]
                    || match R::N {
                        16.. => self.row::<R, K, S, 7>(r, rows, taps, bias, out),
                        _ => self.row::<R, K, S, 4>(r, rows, taps, bias, out),
                    },
                );
                if let Some(rounding) = &self.rounding {
                    r.round(rounding, &row, y, block, *to);
                }
            }
        }
        self.row = row;
    }

    /// Where the rows are that row `row` of the output reads; `None` beyond the edges.
    fn places<const K: usize, const S: usize>(&self, x: &Shape, row: usize) -> [Option<usize>; K] {
        std::array::from_fn(|i| {
            let inside = (row * S + i).checked_sub(self.padding).filter(|&row| row < x.side);
            inside.map(|row| x.place(row) - self.padding)
        })
    }

    /// `N` outputs side by side: enough that no addition waits for the one before, and no more than registers hold.
    #[inline(always)]
    fn row<R: Registers, const K: usize, const S: usize, const N: usize>(
        &self,
        r: R,
        x: [&[Line]; K],
        taps: &[[Line; K]],
        bias: &Line,
        y: &mut [Line],
    ) {
        let (wide, rest) = y.as_chunks_mut::<N>();
        let n_wide = wide.len() * N;
        for (i, y) in wide.iter_mut().enumerate() {
            outputs::<R, K, S, N>(r, x, i * N * S, taps, bias, self.activation, y);
        }
        for (i, y) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            outputs::<R, K, S, 1>(r, x, (n_wide + i) * S, taps, bias, self.activation, y);
        }
    }
}

/// `N` outputs whose first reads `x` from column `left` on.
#[inline(always)]
fn outputs<R: Registers, const K: usize, const S: usize, const N: usize>(
    r: R,
    x: [&[Line]; K],
    left: usize,
    taps: &[[Line; K]],
    bias: &Line,
    activation: Activation,
    y: &mut [Line; N],
) {
    let mut sums = [r.load(bias); N];
    for (x, taps) in x.iter().zip(taps) {
        let x = &x[left..][..(N - 1) * S + K];
        for (k, tap) in taps.iter().enumerate() {
            let tap = r.load(tap);
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = r.mul_add(r.load(&x[n * S + k]), tap, *sum);
            }
        }
    }
    for (y, sum) in y.iter_mut().zip(sums) {
        r.store(y, activate(r, activation, sum));
    }
}
