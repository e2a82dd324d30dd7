//! Squeeze and excite.

use std::arch::x86_64::_mm512_mul_ps;

use crate::{
    layer,
    x86::{
        lanes::{LANES, Line, load, store},
        map::Map,
        rounding::Rounding,
    },
};

/// Both dense layers, inputs first: `[n_in][n_out]`.
pub(crate) struct Excite {
    squeeze: Vec<f32>,
    squeeze_bias: Vec<f32>,
    expand: Vec<f32>,
    expand_bias: Vec<f32>,
    /// How its outputs are rounded.
    rounding: Option<Rounding>,
    /// A row of them before.
    row: Vec<Line>,
}

impl Excite {
    pub(crate) fn new(layer: &layer::Excite, side: usize, rounding: Option<Rounding>) -> Self {
        Self {
            squeeze: transposed(&layer.squeeze, layer.n_squeezed),
            squeeze_bias: layer.squeeze_bias.clone(),
            expand: transposed(&layer.expand, layer.n_channels),
            expand_bias: layer.expand_bias.clone(),
            rounding,
            row: vec![Line::default(); side],
        }
    }

    /// All of `y`.
    #[target_feature(enable = "avx512f")]
    pub(crate) fn run(&mut self, x: &Map, y: &mut Map) {
        let mut means = vec![0.0; self.expand_bias.len()];
        x.means(&mut means);
        let squeezed = dense(&means, &self.squeeze, &self.squeeze_bias, |x| x.max(0.0));
        let scales = dense(&squeezed, &self.expand, &self.expand_bias, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0);
        for (block, scales) in scales.chunks(LANES).enumerate() {
            let mut line = Line::default();
            line.0[..scales.len()].copy_from_slice(scales);
            let scale = load(&line);
            for y_row in 0..y.shape.side {
                let x = &x.lines(block, x.shape.place(y_row))[..self.row.len()];
                for (row, x) in self.row.iter_mut().zip(x) {
                    store(row, _mm512_mul_ps(load(x), scale));
                }
                let to = y.shape.place(y_row);
                match &self.rounding {
                    None => y.lines_mut(block, to)[..self.row.len()].copy_from_slice(&self.row),
                    Some(rounding) => rounding.round(block, &self.row, y, to),
                }
            }
        }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
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
fn transposed(weight: &[f32], n_out: usize) -> Vec<f32> {
    let n_in = weight.len() / n_out;
    (0..weight.len()).map(|i| weight[i % n_out * n_in + i / n_out]).collect()
}
