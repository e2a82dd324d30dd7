//! Pointwise convolution: at each pixel a product with a matrix.

use std::sync::Arc;

use crate::{
    layer::{Activation, Conv},
    numbers::Numbers,
    x86::{
        clamp::Clamp,
        lines::Line,
        map::{Map, Shape},
        packing::groups,
        registers::{Registers, activate},
        rounding::Rounding,
        tile::{Group, Outputs},
    },
};

/// Packed weights, and where everything goes.
#[derive(Clone)]
pub(crate) struct Pointwise {
    activation: Activation,
    /// Most of a network's memory.
    groups: Arc<[Group]>,
    /// Where the pixels of a band are in the output.
    offsets: Vec<usize>,
    /// Where they are in what is added.
    residual_offsets: Option<Vec<usize>>,
    rounding: Rounding,
    /// The band's input, rounded, where the layer before does not do it.
    rounded: Map,
}

impl Pointwise {
    /// For bands of `n_pixels` of layer `i`.
    pub(crate) fn new<R: Registers>(
        r: R,
        conv: &Conv,
        numbers: Numbers,
        n_pixels: usize,
        i: usize,
        shapes: &[Shape],
    ) -> Self {
        let blocks = if shapes[i - 1].numbers == numbers { 0 } else { shapes[i - 1].blocks };
        let (n_together, blocks_per_line) = (r.n_together(numbers), r.blocks_per_line(numbers));
        let rounded = Shape { numbers, n_together, blocks_per_line, blocks, side: n_pixels, rows: 1, padding: (0, 0) };
        Self {
            activation: conv.activation,
            groups: groups(r, conv, numbers),
            offsets: shapes[i].offsets(n_pixels),
            residual_offsets: conv.residual.map(|layer| shapes[layer].offsets(n_pixels)),
            rounding: Rounding::new(conv, numbers),
            rounded: Map::new(rounded),
        }
    }

    /// Rows `start..end` of `y`, with those of `residual` added.
    pub(crate) fn run<R: Registers>(
        &mut self,
        r: R,
        x: &Map,
        residual: Option<&Map>,
        y: &mut Map,
        start: usize,
        end: usize,
    ) {
        let n_pixels = (end - start) * y.shape.side;
        let (block_len, place) = (y.shape.block_len(), y.shape.place(start));
        let is_rounded = x.shape.numbers == self.rounding.numbers;
        if !is_rounded {
            self.round(r, x, start, n_pixels);
        }
        let (x, x_place) = if is_rounded { (x, x.shape.place(start)) } else { (&self.rounded, 0) };
        let clamp = Clamp::new(self.clamped());
        for (i, group) in self.groups.iter().enumerate() {
            let lines = y.lines_mut(group.first_block, place);
            let mut outputs = Outputs { n_pixels, lines, block_len, offsets: &self.offsets, clamp };
            r.tiles(group, self.groups.get(i + 1), x, x_place, &mut outputs);
        }
        self.touch_up(r, residual, y, start, n_pixels);
    }

    fn round<R: Registers>(&mut self, r: R, x: &Map, start: usize, n_pixels: usize) {
        let place = x.shape.place(start);
        for block in 0..x.shape.blocks {
            r.round(&self.rounding, &x.lines(block, place)[..n_pixels], &mut self.rounded, block, 0);
        }
    }

    /// What of the activation the tiles can do: nothing before something is added.
    fn clamped(&self) -> Activation {
        match self.activation {
            Activation::Relu | Activation::Relu6 if self.residual_offsets.is_none() => self.activation,
            _ => Activation::None,
        }
    }

    /// What the tiles leave to do: what is added, and the activation behind that, and hardswish.
    fn touch_up<R: Registers>(&self, r: R, residual: Option<&Map>, y: &mut Map, start: usize, n_pixels: usize) {
        let residual = residual.zip(self.residual_offsets.as_ref());
        if self.activation == self.clamped() && residual.is_none() {
            return;
        }
        let offsets = &self.offsets[..n_pixels];
        for block in 0..y.shape.blocks {
            let place = y.shape.place(start);
            let y = y.lines_mut(block, place);
            if let Some((residual, added_offsets)) = residual {
                let added = residual.lines(block, residual.shape.place(start));
                for (&to, &from) in offsets.iter().zip(added_offsets) {
                    y[to].add(&added[from]);
                }
            }
            if self.activation != self.clamped() {
                r.compiled(
                    #[inline(always)]
                    || activate_all(r, self.activation, y, offsets),
                );
            }
        }
    }
}

#[inline(always)]
fn activate_all<R: Registers>(r: R, activation: Activation, lines: &mut [Line], offsets: &[usize]) {
    for &at in offsets {
        let x = activate(r, activation, r.load(&lines[at]));
        r.store(&mut lines[at], x);
    }
}
