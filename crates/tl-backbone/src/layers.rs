//! The layers of a network as a table: what can be frozen, and what it costs.

use tl_torch::Activation;

use crate::{
    architecture::{Architecture, Block, Layer},
    registry::Spec,
};

/// A layer: a convolution with its `BatchNorm`, or a squeeze-and-excite. It is frozen or trained as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Prefix of its first tensor in the weight file: torchvision's name, or timm's for V1.
    pub name: String,
    /// Position of its block.
    pub block: usize,
    /// Stage of its block: a stage begins where the side of the activations is halved.
    pub stage: usize,
    /// Index of its (first) convolution in `keras.applications`' network without top, in Keras 3.
    pub keras_index: usize,
    /// Names of the tensors that are learnt by gradient.
    pub parameters: Vec<String>,
    /// Names of its `BatchNorm`'s moving statistics.
    pub statistics: Vec<String>,
    /// Numbers learnt by gradient.
    pub n_parameters: usize,
    /// Multiply-adds on one picture of the weights' own side.
    pub n_macs: u64,
    /// Channels and side of its output.
    pub output: (usize, usize),
}

/// The layers of a network in the order in which they run, without the top.
#[must_use]
pub fn layers(spec: &Spec) -> Vec<LayerInfo> {
    let architecture = (spec.architecture)();
    let mut table = Table { side: i64::from(spec.preprocessing.geometry.side), ..Table::default() };
    for (i, block) in architecture.blocks.iter().enumerate() {
        table.block(i, block);
    }
    number_as_keras(&architecture, &mut table.layers);
    table.layers
}

/// Rows so far, and the side of the activations there.
#[derive(Default)]
struct Table {
    layers: Vec<LayerInfo>,
    side: i64,
    stage: usize,
}

impl Table {
    fn block(&mut self, index: usize, block: &Block) {
        let halves = block.layers.iter().any(|layer| matches!(layer, Layer::Conv(conv) if conv.stride > 1));
        self.stage += usize::from(halves && index > 0);
        for layer in &block.layers {
            let (name, n_macs, channels) = match layer {
                Layer::Conv(conv) => {
                    self.side = (self.side - 1) / conv.stride + 1;
                    let per_pixel: i64 = conv.weight_shape().iter().product();
                    (&conv.conv, per_pixel * self.side * self.side, conv.n_out)
                }
                Layer::SqueezeExcite(se) => (&se.name, 2 * se.n_channels * se.n_squeezed, se.n_channels),
            };
            let (parameters, statistics): (Vec<_>, Vec<_>) =
                layer.tensors().into_iter().partition(|tensor| tensor.is_parameter);
            self.layers.push(LayerInfo {
                name: name.clone(),
                block: index,
                stage: self.stage,
                keras_index: 0,
                n_parameters: parameters.iter().map(|tensor| tensor.shape.iter().product::<i64>() as usize).sum(),
                parameters: parameters.into_iter().map(|tensor| tensor.name).collect(),
                statistics: statistics.into_iter().map(|tensor| tensor.name).collect(),
                n_macs: n_macs as u64,
                output: (channels as usize, self.side as usize),
            });
        }
    }
}

/// Keras counts the input (0), for each convolution itself, its `BatchNorm` and its activation, and the sum that ends a
/// residual block; a depthwise convolution of stride 2 has a padding layer before it.
fn number_as_keras(architecture: &Architecture, layers: &mut [LayerInfo]) {
    let mut infos = layers.iter_mut();
    let mut next = 1 + usize::from(architecture.scales_in_keras());
    for block in &architecture.blocks {
        for (layer, info) in block.layers.iter().zip(&mut infos) {
            let (before, from_itself) = keras_layers(layer);
            info.keras_index = next + before;
            next += before + from_itself;
        }
        next += usize::from(block.is_residual);
    }
}

/// Keras's layers before the convolution of one of ours, and from it on.
fn keras_layers(layer: &Layer) -> (usize, usize) {
    match layer {
        Layer::Conv(conv) => {
            let pads = conv.groups > 1 && conv.stride > 1;
            (usize::from(pads), 2 + usize::from(conv.activation != Activation::None))
        }
        // The means are before it; relu, the second convolution, hardsigmoid and the product after.
        Layer::SqueezeExcite(_) => (1, 5),
    }
}
