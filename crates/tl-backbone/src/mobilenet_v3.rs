//! `MobileNet` V3 small, width 1.0 (Howard et al. 2019, "Searching for `MobileNetV3`", table 2), with
//! torchvision's names.

use tl_torch::Activation::{self, Hardswish, None as Linear, Relu};

use crate::architecture::{Architecture, Block, ConvBn, Dense, Layer, Padding, SqueezeExcite};

/// A row of the paper's table: kernel, expanded channels, output channels, squeeze-and-excite, activation,
/// stride.
type Row = (i64, i64, i64, bool, Activation, i64);

const ROWS: [Row; 11] = [
    (3, 16, 16, true, Relu, 2),
    (3, 72, 24, false, Relu, 2),
    (3, 88, 24, false, Relu, 1),
    (5, 96, 40, true, Hardswish, 2),
    (5, 240, 40, true, Hardswish, 1),
    (5, 240, 40, true, Hardswish, 1),
    (5, 120, 48, true, Hardswish, 1),
    (5, 144, 48, true, Hardswish, 1),
    (5, 288, 96, true, Hardswish, 2),
    (5, 576, 96, true, Hardswish, 1),
    (5, 576, 96, true, Hardswish, 1),
];

pub(crate) fn mobilenet_v3_small() -> Architecture {
    let mut blocks = vec![single("features.0", 3, 16, 3, 2)];
    let mut n_in = 16;
    for row in ROWS {
        let name = format!("features.{}.block", blocks.len());
        blocks.push(inverted_residual(&name, n_in, row));
        n_in = row.2;
    }
    blocks.push(single("features.12", n_in, 576, 1, 1));
    let top = vec![
        Dense { name: "classifier.0".to_owned(), n_in: 576, n_out: 1024, activation: Hardswish },
        Dense { name: "classifier.3".to_owned(), n_in: 1024, n_out: 1000, activation: Linear },
    ];
    Architecture { blocks, top, bn_eps: 1e-3, padding: Padding::Symmetric, n_exact: 3 }
}

/// The first and the last block: one convolution.
fn single(name: &str, n_in: i64, n_out: i64, kernel: i64, stride: i64) -> Block {
    let layer = ConvBn { n_in, n_out, kernel, stride, ..pointwise(name, n_in, n_out, Hardswish) };
    Block { layers: vec![Layer::Conv(layer)], is_residual: false }
}

/// Expand (left out where there is nothing to expand), filter each channel, squeeze and excite, project.
fn inverted_residual(name: &str, n_in: i64, (kernel, wide, n_out, excite, activation, stride): Row) -> Block {
    let mut layers = Vec::with_capacity(4);
    if wide != n_in {
        layers.push(Layer::Conv(pointwise(&format!("{name}.0"), n_in, wide, activation)));
    }
    let depthwise = pointwise(&format!("{name}.{}", layers.len()), wide, wide, activation);
    layers.push(Layer::Conv(ConvBn { kernel, stride, groups: wide, ..depthwise }));
    if excite {
        let name = format!("{name}.{}", layers.len());
        layers.push(Layer::SqueezeExcite(SqueezeExcite { name, n_channels: wide, n_squeezed: divisible(wide / 4) }));
    }
    layers.push(Layer::Conv(pointwise(&format!("{name}.{}", layers.len()), wide, n_out, Linear)));
    Block { layers, is_residual: stride == 1 && n_in == n_out }
}

fn pointwise(name: &str, n_in: i64, n_out: i64, activation: Activation) -> ConvBn {
    let (conv, bn) = (format!("{name}.0"), format!("{name}.1"));
    ConvBn { conv, bn, n_in, n_out, kernel: 1, stride: 1, groups: 1, activation }
}

/// The nearest multiple of 8, never below 8 and never less than nine tenths of `n`.
fn divisible(n: i64) -> i64 {
    let rounded = ((n + 4) / 8 * 8).max(8);
    if rounded * 10 < n * 9 { rounded + 8 } else { rounded }
}
