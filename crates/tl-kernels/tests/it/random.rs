//! Networks and photos from a seed.

use tl_kernels::{Activation, Conv, Excite, Layer};

/// A linear congruential generator (Knuth's constants): tests need no better one.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    /// Between -1 and 1.
    pub(crate) fn values(&mut self, n: usize, scale: f32) -> Vec<f32> {
        (0..n).map(|_| (self.below(20_001) as f32 / 10_000.0 - 1.0) * scale).collect()
    }

    pub(crate) fn photo(&mut self, side: usize) -> Vec<u8> {
        (0..side * side * 3).map(|_| self.below(256) as u8).collect()
    }

    /// A stem and what follows it.
    pub(crate) fn network(&mut self, n_layers: usize) -> Vec<Layer> {
        let n_out = 1 + self.below(40);
        let mut stem = self.conv(3, n_out, 1, [3, 2]);
        stem.weight.iter_mut().for_each(|w| *w /= 64.0);
        let mut layers = vec![Layer::Conv(stem)];
        let mut n = n_out;
        while layers.len() < n_layers {
            match self.below(4) {
                0 => {
                    let n_out = 1 + self.below(70);
                    layers.push(Layer::Conv(self.conv(n, n_out, 1, [1, 1])));
                    n = n_out;
                }
                1 => {
                    let window = [3 + 2 * self.below(2), 1 + self.below(2)];
                    layers.push(Layer::Conv(self.conv(n, n, n, window)));
                }
                2 => layers.push(Layer::Excite(self.excite(n))),
                _ => self.inverted_residual(&mut layers, n),
            }
        }
        layers
    }

    fn inverted_residual(&mut self, layers: &mut Vec<Layer>, n: usize) {
        let (before, wide) = (layers.len() - 1, n * 3);
        let kernel = 3 + 2 * self.below(2);
        layers.push(Layer::Conv(self.conv(n, wide, 1, [1, 1])));
        layers.push(Layer::Conv(self.conv(wide, wide, wide, [kernel, 1])));
        layers.push(Layer::Conv(Conv { residual: Some(before), ..self.conv(wide, n, 1, [1, 1]) }));
    }

    pub(crate) fn conv(&mut self, n_in: usize, n_out: usize, groups: usize, [kernel, stride]: [usize; 2]) -> Conv {
        let n_taps = n_in / groups * kernel * kernel;
        let activations = [Activation::None, Activation::Relu, Activation::Relu6, Activation::Hardswish];
        Conv {
            n_in,
            n_out,
            kernel,
            stride,
            groups,
            padding: self.below(kernel),
            weight: self.values(n_out * n_taps, 2.0 / (n_taps as f32).sqrt()),
            bias: self.values(n_out, 0.5),
            activation: activations[self.below(4)],
            range: (0.0, 0.0),
            means: Vec::new(),
            residual: None,
        }
    }

    fn excite(&mut self, n_channels: usize) -> Excite {
        let n_squeezed = 1 + n_channels / 4;
        Excite {
            n_channels,
            n_squeezed,
            squeeze: self.values(n_squeezed * n_channels, 0.5),
            squeeze_bias: self.values(n_squeezed, 0.5),
            expand: self.values(n_squeezed * n_channels, 0.5),
            expand_bias: self.values(n_channels, 0.5),
        }
    }
}
