//! Depthwise convolution: each channel with a kernel of its own.

use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_setzero_ps};

use crate::{
    layer::{Activation, Conv},
    x86::{
        lanes::{LANES, Line, activate, lines, load, store},
        map::{Map, Shape},
        rounding::Rounding,
    },
};

/// Outputs that are summed up side by side: enough that no addition waits for the one before.
const SIDE_BY_SIDE: usize = 7;

/// Weights as `[blocks][kernel * kernel]` lines.
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
    #[target_feature(enable = "avx512f")]
    pub(crate) fn run(&mut self, x: &Map, y: &mut Map, start: usize, end: usize) {
        match (self.kernel, self.stride) {
            (3, 1) => self.rows::<3, 1>(x, y, start, end),
            (3, _) => self.rows::<3, 2>(x, y, start, end),
            (_, 1) => self.rows::<5, 1>(x, y, start, end),
            _ => self.rows::<5, 2>(x, y, start, end),
        }
    }

    #[target_feature(enable = "avx512f")]
    fn rows<const K: usize, const S: usize>(&mut self, x: &Map, y: &mut Map, start: usize, end: usize) {
        // Where the rows are is the same in each block, and a division to find out.
        let places: Vec<_> = (start..end).map(|row| (y.shape.place(row), self.places::<K, S>(&x.shape, row))).collect();
        let mut row = std::mem::take(&mut self.row);
        let width = row.len();
        for (block, (taps, bias)) in self.taps.as_chunks::<K>().0.chunks_exact(K).zip(&self.bias).enumerate() {
            let x = x.lines(block, 0);
            for (to, from) in &places {
                let rows = from.map(|from| from.map_or(&self.zeros[..], |from| &x[from..][..self.zeros.len()]));
                match &self.rounding {
                    None => self.row::<K, S>(rows, taps, bias, &mut y.lines_mut(block, *to)[..width]),
                    Some(rounding) => {
                        self.row::<K, S>(rows, taps, bias, &mut row);
                        rounding.round(block, &row, y, *to);
                    }
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

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn row<const K: usize, const S: usize>(&self, x: [&[Line]; K], taps: &[[Line; K]], bias: &Line, y: &mut [Line]) {
        let (wide, rest) = y.as_chunks_mut::<SIDE_BY_SIDE>();
        let n_wide = wide.len() * SIDE_BY_SIDE;
        for (i, y) in wide.iter_mut().enumerate() {
            outputs::<K, S, SIDE_BY_SIDE>(x, i * SIDE_BY_SIDE * S, taps, bias, self.activation, y);
        }
        for (i, y) in rest.as_chunks_mut::<1>().0.iter_mut().enumerate() {
            outputs::<K, S, 1>(x, (n_wide + i) * S, taps, bias, self.activation, y);
        }
    }
}

/// `N` outputs whose first reads `x` from column `left` on.
#[target_feature(enable = "avx512f")]
#[inline]
fn outputs<const K: usize, const S: usize, const N: usize>(
    x: [&[Line]; K],
    left: usize,
    taps: &[[Line; K]],
    bias: &Line,
    activation: Activation,
    y: &mut [Line; N],
) {
    let mut sums = [_mm512_setzero_ps(); N];
    for sum in &mut sums {
        *sum = load(bias);
    }
    for (x, taps) in x.iter().zip(taps) {
        let x = &x[left..][..(N - 1) * S + K];
        for (k, tap) in taps.iter().enumerate() {
            let tap = load(tap);
            for (n, sum) in sums.iter_mut().enumerate() {
                *sum = _mm512_fmadd_ps(load(&x[n * S + k]), tap, *sum);
            }
        }
    }
    for (y, sum) in y.iter_mut().zip(sums) {
        store(y, activate(activation, sum));
    }
}
