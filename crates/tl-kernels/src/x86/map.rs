//! Activations of a layer: the last rows of them, as many as the layers behind still need.

use crate::{
    numbers::Numbers,
    x86::lines::{ByteLine, HalfLine, LANES, Line},
};

/// How activations lie in memory: `[blocks][rows][columns]` lines of sixteen channels. Row `y` of the layer is at
/// `y % rows`; columns beyond the edges are zeros, and so are channels beyond the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Shape {
    pub(crate) numbers: Numbers,
    /// How many of them fill 32 bits.
    pub(crate) n_together: usize,
    /// Blocks whose numbers lie side by side in the lines of one.
    pub(crate) blocks_per_line: usize,
    pub(crate) blocks: usize,
    /// Rows and columns of the layer.
    pub(crate) side: usize,
    /// Rows that are kept.
    pub(crate) rows: usize,
    /// Columns of zeros before and behind a row.
    pub(crate) padding: (usize, usize),
}

impl Shape {
    /// Lines from a block to the next.
    pub(crate) fn block_len(&self) -> usize {
        self.rows * self.columns()
    }

    /// Where row `y` begins in its block, behind the zeros.
    pub(crate) fn place(&self, y: usize) -> usize {
        y % self.rows * self.columns() + self.padding.0
    }

    /// Where each of the first `n` pixels from the start of a row is, relative to the first.
    pub(crate) fn offsets(&self, n: usize) -> Vec<usize> {
        (0..n).map(|pixel| pixel / self.side * self.columns() + pixel % self.side).collect()
    }

    fn columns(&self) -> usize {
        self.padding.0 + self.side + self.padding.1
    }
}

/// Activations in memory.
#[derive(Clone, Default)]
pub(crate) struct Map {
    pub(crate) shape: Shape,
    /// One of them has lines: the one that is as long as those of a block, or as those that blocks share.
    lines: Vec<Line>,
    halves: Vec<HalfLine>,
    bytes: Vec<ByteLine>,
}

impl Map {
    pub(crate) fn new(shape: Shape) -> Self {
        let Shape { n_together, blocks_per_line, blocks, .. } = shape;
        let n_lines = blocks.div_ceil(blocks_per_line) * shape.block_len();
        let n = |times_shorter| if n_together == times_shorter * blocks_per_line { n_lines } else { 0 };
        Self {
            shape,
            lines: vec![Line::default(); n(1)],
            halves: vec![HalfLine::default(); n(2)],
            bytes: vec![ByteLine::default(); n(4)],
        }
    }

    /// The lines of a block from `place` on, and of those behind it.
    pub(crate) fn lines(&self, block: usize, place: usize) -> &[Line] {
        &self.lines[block * self.shape.block_len() + place..]
    }

    pub(crate) fn lines_mut(&mut self, block: usize, place: usize) -> &mut [Line] {
        &mut self.lines[block * self.shape.block_len() + place..]
    }

    /// The same of numbers of 16 bits.
    pub(crate) fn halves(&self, block: usize, place: usize) -> &[HalfLine] {
        &self.halves[block * self.shape.block_len() + place..]
    }

    pub(crate) fn halves_mut(&mut self, block: usize, place: usize) -> &mut [HalfLine] {
        &mut self.halves[block * self.shape.block_len() + place..]
    }

    /// The same of bytes.
    pub(crate) fn bytes(&self, block: usize, place: usize) -> &[ByteLine] {
        &self.bytes[block * self.shape.block_len() + place..]
    }

    pub(crate) fn bytes_mut(&mut self, block: usize, place: usize) -> &mut [ByteLine] {
        &mut self.bytes[block * self.shape.block_len() + place..]
    }

    /// The mean of each channel over all pixels; the map must be whole. The pixels of a row are added up first.
    pub(crate) fn means(&self, means: &mut [f32]) {
        let side = self.shape.side;
        let share = 1.0 / (side * side) as f32;
        for (block, means) in means.chunks_mut(LANES).enumerate() {
            let mut sums = Line::default();
            for y in 0..side {
                let mut row = Line::default();
                for line in &self.lines(block, self.shape.place(y))[..side] {
                    row.add(line);
                }
                sums.add(&row);
            }
            for (mean, sum) in means.iter_mut().zip(sums.0) {
                *mean = sum * share;
            }
        }
    }

    /// The first `n` channels of all pixels, `[rows, columns, n]`; the map must be whole.
    pub(crate) fn copy_to(&self, values: &mut [f32], n: usize) {
        let side = self.shape.side;
        for (pixel, values) in values.chunks_exact_mut(n).enumerate() {
            let place = self.shape.place(pixel / side) + pixel % side;
            for (block, values) in values.chunks_mut(LANES).enumerate() {
                values.copy_from_slice(&self.lines(block, place)[0].0[..values.len()]);
            }
        }
    }
}
