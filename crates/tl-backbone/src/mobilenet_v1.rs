//! `MobileNet` V1, width 1.0 (Howard et al. 2017, "`MobileNets`: Efficient Convolutional Neural Networks for
//! Mobile Vision Applications", table 1), as Keras has it; names of timm's `mobilenetv1_100`.

use tl_torch::Activation::{None as Linear, Relu6};

use crate::architecture::{Architecture, Block, ConvBn, Dense, Layer, Padding};

/// Output channels and stride of each depthwise separable block, by timm's stages.
const STAGES: [&[(i64, i64)]; 5] = [
    &[(64, 1)],
    &[(128, 2), (128, 1)],
    &[(256, 2), (256, 1)],
    &[(512, 2), (512, 1), (512, 1), (512, 1), (512, 1), (512, 1)],
    &[(1024, 2), (1024, 1)],
];

pub(crate) fn mobilenet_v1() -> Architecture {
    let stem = conv("conv_stem", "bn1", 3, 32, 3, 2, 1);
    let mut blocks = vec![Block { layers: vec![stem], is_residual: false }];
    let mut n_in = 32;
    for (s, stage) in STAGES.iter().enumerate() {
        for (b, &(n_out, stride)) in stage.iter().enumerate() {
            blocks.push(separable(&format!("blocks.{s}.{b}"), n_in, n_out, stride));
            n_in = n_out;
        }
    }
    let top = Dense { name: "classifier".to_owned(), n_in, n_out: 1000, activation: Linear };
    Architecture { blocks, top: vec![top], bn_eps: 1e-3, padding: Padding::Same, n_exact: 2 }
}

fn separable(name: &str, n_in: i64, n_out: i64, stride: i64) -> Block {
    let depthwise = conv(&format!("{name}.conv_dw"), &format!("{name}.bn1"), n_in, n_in, 3, stride, n_in);
    let pointwise = conv(&format!("{name}.conv_pw"), &format!("{name}.bn2"), n_in, n_out, 1, 1, 1);
    Block { layers: vec![depthwise, pointwise], is_residual: false }
}

fn conv(conv: &str, bn: &str, n_in: i64, n_out: i64, kernel: i64, stride: i64, groups: i64) -> Layer {
    let (conv, bn) = (conv.to_owned(), bn.to_owned());
    Layer::Conv(ConvBn { conv, bn, n_in, n_out, kernel, stride, groups, activation: Relu6 })
}
