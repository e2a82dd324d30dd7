//! Pointwise convolution: at each pixel a product with a matrix.

use crate::{
    layer::{Activation, Conv},
    numbers::Numbers,
    x86::{
        clamp::Clamp,
        lanes::{activate, load, store},
        map::{Map, Shape},
        packing::groups,
        rounding::Rounding,
        tile::{Group, Outputs, of_bf16, of_f32, of_int8},
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
    /// The band's input, rounded, where the layer before does not do it.
    rounded: Map,
}

impl Pointwise {
    /// For bands of `n_pixels` of layer `i`.
    pub(crate) fn new(conv: &Conv, numbers: Numbers, n_pixels: usize, i: usize, shapes: &[Shape]) -> Self {
        let blocks = if shapes[i - 1].numbers == numbers { 0 } else { shapes[i - 1].blocks };
        let rounded = Shape { numbers, blocks, side: n_pixels, rows: 1, padding: (0, 0) };
        Self {
            activation: conv.activation,
            groups: groups(conv, numbers),
            offsets: shapes[i].offsets(n_pixels),
            residual_offsets: conv.residual.map(|layer| shapes[layer].offsets(n_pixels)),
            rounding: Rounding::new(conv, numbers),
            rounded: Map::new(rounded),
        }
    }

    /// Rows `start..end` of `y`, with those of `residual` added.
    #[target_feature(enable = "avx512f")]
    #[allow(unsafe_code)]
    pub(crate) fn run(&mut self, x: &Map, residual: Option<&Map>, y: &mut Map, start: usize, end: usize) {
        let n_pixels = (end - start) * y.shape.side;
        let (block_len, place) = (y.shape.block_len(), y.shape.place(start));
        let is_rounded = x.shape.numbers == self.rounding.numbers;
        if !is_rounded {
            self.round(x, start, n_pixels);
        }
        let (x, x_place) = if is_rounded { (x, x.shape.place(start)) } else { (&self.rounded, 0) };
        let x_len = x.shape.block_len();
        let clamp = Clamp::new(self.clamped());
        for group in &self.groups {
            let lines = y.lines_mut(group.first_block, place);
            let mut outputs = Outputs { n_pixels, lines, block_len, offsets: &self.offsets, clamp };
            // SAFETY: networks in bf16 or bytes are only made where the processor has their instructions.
            match x.shape.numbers {
                Numbers::F32 => of_f32::run(group, x.lines(0, x_place), x_len, &mut outputs),
                Numbers::Bf16 => unsafe { of_bf16::run(group, x.halves(0, x_place), x_len, &mut outputs) },
                Numbers::Int8 => unsafe { of_int8::run(group, x.bytes(0, x_place), x_len, &mut outputs) },
            }
        }
        self.touch_up(residual, y, start, n_pixels);
    }

    #[target_feature(enable = "avx512f")]
    fn round(&mut self, x: &Map, start: usize, n_pixels: usize) {
        let place = x.shape.place(start);
        for block in 0..x.shape.blocks {
            self.rounding.round(block, &x.lines(block, place)[..n_pixels], &mut self.rounded, 0);
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
    #[target_feature(enable = "avx512f")]
    fn touch_up(&self, residual: Option<&Map>, y: &mut Map, start: usize, n_pixels: usize) {
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
                for &to in offsets {
                    let x = activate(self.activation, load(&y[to]));
                    store(&mut y[to], x);
                }
            }
        }
    }
}
