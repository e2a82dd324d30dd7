//! Squeeze and excite.

use std::sync::Arc;

use crate::{
    aligned::{Aligned, transpose},
    layer,
    x86::{
        lines::{LANES, Line},
        map::Map,
        registers::Registers,
        rounding::Rounding,
    },
};

/// Both dense layers, inputs first: `[n_in][n_out]`.
#[derive(Clone)]
pub(crate) struct Excite {
    squeeze: Arc<Aligned>,
    squeeze_bias: Vec<f32>,
    expand: Arc<Aligned>,
    expand_bias: Vec<f32>,
    /// How its outputs are rounded.
    rounding: Option<Rounding>,
    /// A row of them before.
    row: Vec<Line>,
}

impl Excite {
    pub(crate) fn new(layer: &layer::Excite, side: usize, rounding: Option<Rounding>) -> Self {
        Self {
            squeeze: transposed(&layer.squeeze, layer.n_squeezed).into(),
            squeeze_bias: layer.squeeze_bias.clone(),
            expand: transposed(&layer.expand, layer.n_channels).into(),
            expand_bias: layer.expand_bias.clone(),
            rounding,
            row: vec![Line::default(); side],
        }
    }

    /// All of `y`.
    pub(crate) fn run<R: Registers>(&mut self, r: R, x: &Map, y: &mut Map) {
        let mut means = vec![0.0; self.expand_bias.len()];
        x.means(&mut means);
        let scales = r.compiled(
            #[inline(always)]
            || {
                let squeezed = dense(&means, &self.squeeze, &self.squeeze_bias, |x| x.max(0.0));
                dense(&squeezed, &self.expand, &self.expand_bias, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0)
            },
        );
        for (block, scales) in scales.chunks(LANES).enumerate() {
            let mut line = Line::default();
            line.0[..scales.len()].copy_from_slice(scales);
            for y_row in 0..y.shape.side {
                let x = &x.lines(block, x.shape.place(y_row))[..self.row.len()];
                let row = &mut self.row;
                r.compiled(
                    #[inline(always)]
                    || scaled(r, x, &line, row),
                );
                let to = y.shape.place(y_row);
                match &self.rounding {
                    None => y.lines_mut(block, to)[..self.row.len()].copy_from_slice(&self.row),
                    Some(rounding) => r.round(rounding, &self.row, y, block, to),
                }
            }
        }
    }
}

#[inline(always)]
fn scaled<R: Registers>(r: R, x: &[Line], scale: &Line, y: &mut [Line]) {
    let scale = r.load(scale);
    for (y, x) in y.iter_mut().zip(x) {
        r.store(y, r.mul(r.load(x), scale));
    }
}

#[inline(always)]
fn dense(x: &[f32], weight: &[f32], bias: &[f32], activation: impl Fn(f32) -> f32) -> Vec<f32> {
    let mut y = bias.to_vec();
    for (x, weight) in x.iter().zip(weight.chunks_exact(bias.len())) {
        for (y, weight) in y.iter_mut().zip(weight) {
            *y += x * weight;
        }
    }
    y.into_iter().map(activation).collect()
}

/// `[n_out, n_in]` as `[n_in, n_out]`.
fn transposed(weight: &[f32], n_out: usize) -> Aligned {
    let mut turned = Aligned::default();
    transpose(weight, weight.len() / n_out, &mut turned);
    turned
}
