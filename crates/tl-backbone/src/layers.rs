//! The layers of a network as a table: what can be frozen, and what it costs.

use crate::{
    architecture::{Architecture, Block, Layer, Padding},
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
    /// Index of its convolution in `keras.Model.layers`; only `MobileNet` V1 has Keras weights.
    pub keras_index: Option<usize>,
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
    if architecture.padding == Padding::Same {
        number_as_keras(&architecture, &mut table.layers);
    }
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
                keras_index: None,
                n_parameters: parameters.iter().map(|tensor| tensor.shape.iter().product::<i64>() as usize).sum(),
                parameters: parameters.into_iter().map(|tensor| tensor.name).collect(),
                statistics: statistics.into_iter().map(|tensor| tensor.name).collect(),
                n_macs: n_macs as u64,
                output: (channels as usize, self.side as usize),
            });
        }
    }
}

/// Keras counts the input (0), and for each convolution itself, its `BatchNorm` and its relu; a depthwise
/// convolution of stride 2 has a padding layer before it.
fn number_as_keras(architecture: &Architecture, layers: &mut [LayerInfo]) {
    let convolutions = architecture.blocks.iter().flat_map(|block| &block.layers);
    let mut next = 1;
    for (info, layer) in layers.iter_mut().zip(convolutions) {
        let Layer::Conv(conv) = layer else { continue };
        next += usize::from(conv.groups > 1 && conv.stride > 1);
        info.keras_index = Some(next);
        next += 3;
    }
}
