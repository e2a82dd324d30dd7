//! `MobileNet` V2, width 1.0 (Sandler et al. 2018, "`MobileNetV2`: Inverted Residuals and Linear Bottlenecks",
//! table 2), with torchvision's names.

use tl_torch::Activation::{self, None as Linear, Relu6};

use crate::architecture::{Architecture, Block, ConvBn, Dense, Layer, Padding};

/// Expansion, output channels, repetitions, and stride of the first.
const STAGES: [(i64, i64, i64, i64); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

pub(crate) fn mobilenet_v2() -> Architecture {
    let mut blocks = vec![single("features.0", 3, 32, 3, 2)];
    let mut n_in = 32;
    for (expansion, n_out, repetitions, first_stride) in STAGES {
        for i in 0..repetitions {
            let stride = if i == 0 { first_stride } else { 1 };
            let name = format!("features.{}.conv", blocks.len());
            blocks.push(inverted_residual(&name, n_in, n_out, expansion, stride));
            n_in = n_out;
        }
    }
    blocks.push(single("features.18", n_in, 1280, 1, 1));
    let top = Dense { name: "classifier.1".to_owned(), n_in: 1280, n_out: 1000, activation: Linear };
    Architecture { blocks, top: vec![top], bn_eps: 1e-5, padding: Padding::Symmetric, n_exact: 2 }
}

/// The first and the last block: one convolution.
fn single(name: &str, n_in: i64, n_out: i64, kernel: i64, stride: i64) -> Block {
    let shape = Shape { n_in, n_out, kernel, stride, groups: 1 };
    Block { layers: vec![conv(&format!("{name}.0"), &format!("{name}.1"), &shape, Relu6)], is_residual: false }
}

/// Expand by a 1x1 convolution (left out where the expansion is 1), filter each channel, project down.
fn inverted_residual(name: &str, n_in: i64, n_out: i64, expansion: i64, stride: i64) -> Block {
    let wide = n_in * expansion;
    let mut layers = Vec::with_capacity(3);
    if expansion != 1 {
        let expand = Shape { n_in, n_out: wide, kernel: 1, stride: 1, groups: 1 };
        layers.push(conv(&format!("{name}.0.0"), &format!("{name}.0.1"), &expand, Relu6));
    }
    let i = layers.len();
    let depthwise = Shape { n_in: wide, n_out: wide, kernel: 3, stride, groups: wide };
    layers.push(conv(&format!("{name}.{i}.0"), &format!("{name}.{i}.1"), &depthwise, Relu6));
    let project = Shape { n_in: wide, n_out, kernel: 1, stride: 1, groups: 1 };
    layers.push(conv(&format!("{name}.{}", i + 1), &format!("{name}.{}", i + 2), &project, Linear));
    Block { layers, is_residual: stride == 1 && n_in == n_out }
}

struct Shape {
    n_in: i64,
    n_out: i64,
    kernel: i64,
    stride: i64,
    groups: i64,
}

fn conv(conv: &str, bn: &str, shape: &Shape, activation: Activation) -> Layer {
    let &Shape { n_in, n_out, kernel, stride, groups } = shape;
    let (conv, bn) = (conv.to_owned(), bn.to_owned());
    Layer::Conv(ConvBn { conv, bn, n_in, n_out, kernel, stride, groups, activation })
}
