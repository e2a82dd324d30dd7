//! The same networks in loops that anyone can check, in f64.

use tl_kernels::{Activation, Conv, Excite, Layer};

/// Activations `[side, side, channels]`.
#[derive(Debug, Clone)]
pub(crate) struct Map {
    pub(crate) side: usize,
    pub(crate) channels: usize,
    pub(crate) values: Vec<f64>,
}

impl Map {
    fn at(&self, y: isize, x: isize, channel: usize) -> f64 {
        let side = self.side.cast_signed();
        match (0..side).contains(&y) && (0..side).contains(&x) {
            true => self.values[((y * side + x) * self.channels.cast_signed()) as usize + channel],
            false => 0.0,
        }
    }

    pub(crate) fn means(&self) -> Vec<f64> {
        let mut means = vec![0.0; self.channels];
        for pixel in self.values.chunks(self.channels) {
            means.iter_mut().zip(pixel).for_each(|(mean, x)| *mean += x / (self.side * self.side) as f64);
        }
        means
    }
}

/// What comes out of every layer. `round` is applied to what goes into pointwise convolutions.
pub(crate) fn maps(
    layers: &[Layer],
    photo: &[u8],
    side: usize,
    mean: [f32; 3],
    round: impl Fn(&Conv, f64) -> f64,
) -> Vec<Map> {
    let values = photo.iter().enumerate().map(|(i, &byte)| f64::from(byte) - f64::from(mean[i % 3])).collect();
    let mut maps = vec![Map { side, channels: 3, values }];
    for layer in layers {
        let x = maps.last().unwrap();
        let y = match layer {
            Layer::Conv(conv) => convolve(conv, x, conv.residual.map(|layer| &maps[layer + 1]), &round),
            Layer::Excite(layer) => excite(layer, x),
        };
        maps.push(y);
    }
    maps.split_off(1)
}

fn convolve(conv: &Conv, x: &Map, added: Option<&Map>, round: impl Fn(&Conv, f64) -> f64) -> Map {
    let side = x.side.div_ceil(conv.stride);
    let (per_group, out_per_group) = (conv.n_in / conv.groups, conv.n_out / conv.groups);
    let mut values = Vec::with_capacity(side * side * conv.n_out);
    for pixel in 0..side * side {
        let corner = |at: usize| (at * conv.stride).cast_signed() - conv.padding.cast_signed();
        let (top, left) = (corner(pixel / side), corner(pixel % side));
        for out in 0..conv.n_out {
            let mut sum = f64::from(conv.bias[out]);
            for (i, &weight) in
                conv.weight.chunks(per_group * conv.kernel * conv.kernel).nth(out).unwrap().iter().enumerate()
            {
                let (channel, tap) = (i / (conv.kernel * conv.kernel), i % (conv.kernel * conv.kernel));
                let (dy, dx) = ((tap / conv.kernel).cast_signed(), (tap % conv.kernel).cast_signed());
                let input = x.at(top + dy, left + dx, out / out_per_group * per_group + channel);
                sum += f64::from(weight) * if conv.kernel == 1 { round(conv, input) } else { input };
            }
            sum += added.map_or(0.0, |added| added.values[pixel * conv.n_out + out]);
            values.push(activate(conv.activation, sum));
        }
    }
    Map { side, channels: conv.n_out, values }
}

fn excite(layer: &Excite, x: &Map) -> Map {
    let squeezed = dense(&layer.squeeze, &layer.squeeze_bias, &x.means(), |x| x.max(0.0));
    let scales = dense(&layer.expand, &layer.expand_bias, &squeezed, |x| (x + 3.0).clamp(0.0, 6.0) / 6.0);
    let values = x.values.iter().enumerate().map(|(i, x)| x * scales[i % scales.len()]).collect();
    Map { values, ..x.clone() }
}

fn dense(weight: &[f32], bias: &[f32], x: &[f64], activation: impl Fn(f64) -> f64) -> Vec<f64> {
    let rows = weight.chunks(x.len()).zip(bias);
    let sums = rows.map(|(row, &bias)| row.iter().zip(x).fold(f64::from(bias), |sum, (&w, x)| sum + f64::from(w) * x));
    sums.map(activation).collect()
}

fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::None => x,
        Activation::Relu => x.max(0.0),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::Hardswish => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
    }
}
