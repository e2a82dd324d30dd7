//! Pointwise convolution: at each pixel a product with a matrix.

use std::iter::zip;

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
pub(crate) struct Pointwise {
    activation: Activation,
    groups: Vec<Group>,
    /// Where the pixels of a band are in the output.
    offsets: Vec<usize>,
    /// Where they are in what is added.
    residual_offsets: Option<Vec<usize>>,
    rounding: Rounding,
    /// The band's input of each photo, rounded, where the layer before does not do it.
    rounded: Vec<Map>,
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
            rounded: vec![Map::new(rounded)],
        }
    }

    /// Rows `start..end` of `outputs`, one for each photo in `maps`. What is read is at `x` there, and what is added at
    /// `residual`. All photos go by a group's weights before the next group's are fetched.
    #[allow(clippy::too_many_arguments, reason = "what a layer reads and writes")]
    pub(crate) fn run<R: Registers>(
        &mut self,
        r: R,
        maps: &[Vec<Map>],
        x: usize,
        residual: Option<usize>,
        outputs: &mut [Map],
        start: usize,
        end: usize,
    ) {
        let Some(n_pixels) = outputs.first().map(|y| (end - start) * y.shape.side) else { return };
        let is_rounded = maps[0][x].shape.numbers == self.rounding.numbers;
        if !is_rounded {
            self.round(r, maps, x, start, n_pixels);
        }
        let clamp = Clamp::new(self.clamped());
        for (i, group) in self.groups.iter().enumerate() {
            let next = self.groups.get(i + 1);
            for (photo, y) in outputs.iter_mut().enumerate() {
                let x = if is_rounded { &maps[photo][x] } else { &self.rounded[photo] };
                let x_place = if is_rounded { x.shape.place(start) } else { 0 };
                let (block_len, place) = (y.shape.block_len(), y.shape.place(start));
                let lines = y.lines_mut(group.first_block, place);
                let mut outputs = Outputs { n_pixels, lines, block_len, offsets: &self.offsets, clamp };
                r.tiles(group, next.filter(|_| photo == 0), x, x_place, &mut outputs);
            }
        }
        for (maps, y) in zip(maps, outputs) {
            self.touch_up(r, residual.map(|place| &maps[place]), y, start, n_pixels);
        }
    }

    fn round<R: Registers>(&mut self, r: R, maps: &[Vec<Map>], x: usize, start: usize, n_pixels: usize) {
        let shape = self.rounded[0].shape;
        self.rounded.resize_with(self.rounded.len().max(maps.len()), || Map::new(shape));
        for (maps, rounded) in zip(maps, &mut self.rounded) {
            let x = &maps[x];
            let place = x.shape.place(start);
            for block in 0..x.shape.blocks {
                r.round(&self.rounding, &x.lines(block, place)[..n_pixels], rounded, block, 0);
            }
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
