//! From the description of a network to the layers that [`tl_kernels`] takes.

use tl_kernels::{Conv, Layer, Numbers};
use tl_torch::Activation;

use crate::{
    architecture::{self, Architecture, Block, ConvBn, Padding, SqueezeExcite},
    backbone::same_padding,
    error::BackboneError,
    expected::{Expected, REACH, WIDE_REACH},
    fold::fold,
    weights::Weights,
};

/// Walks the network and describes its layers.
pub(crate) struct Describer<'a> {
    weights: &'a Weights,
    architecture: &'a Architecture,
    numbers: Numbers,
    /// Side of the activations.
    side: i64,
    layers: Vec<Layer>,
    /// What is known of the activations; nothing of pictures, nor where nothing is rounded.
    expected: Option<Expected>,
}

impl<'a> Describer<'a> {
    /// For pictures of `side` pixels.
    pub(crate) fn new(weights: &'a Weights, architecture: &'a Architecture, numbers: Numbers, side: i64) -> Self {
        Self { weights, architecture, numbers, side, layers: Vec::new(), expected: None }
    }

    /// The layers of these blocks, which are the first ones.
    pub(crate) fn layers(mut self, blocks: &[Block]) -> Result<Vec<Layer>, BackboneError> {
        blocks.iter().try_for_each(|block| self.block(block))?;
        Ok(self.layers)
    }

    fn block(&mut self, block: &Block) -> Result<(), BackboneError> {
        let residual = match (block.is_residual, self.layers.len().checked_sub(1)) {
            (true, Some(layer)) => Some((layer, self.expected.clone())),
            _ => None,
        };
        for (i, layer) in block.layers.iter().enumerate() {
            let residual = residual.as_ref().filter(|_| i + 1 == block.layers.len());
            match layer {
                architecture::Layer::Conv(conv) => self.conv(conv, residual)?,
                architecture::Layer::SqueezeExcite(excite) => self.excite(excite)?,
            }
        }
        Ok(())
    }

    fn conv(&mut self, conv: &ConvBn, residual: Option<&(usize, Option<Expected>)>) -> Result<(), BackboneError> {
        let kernel = fold(self.weights, self.architecture, conv)?;
        // Only pointwise kernels multiply rounded numbers.
        let expected = self.expected.as_ref().filter(|_| conv.kernel == 1);
        let padding = match self.architecture.padding {
            Padding::Symmetric => (conv.kernel - 1) / 2,
            Padding::Same => same_padding(self.side, conv.kernel, conv.stride).0,
        };
        self.layers.push(Layer::Conv(Conv {
            n_in: conv.n_in as usize,
            n_out: conv.n_out as usize,
            kernel: conv.kernel as usize,
            stride: conv.stride as usize,
            groups: conv.groups as usize,
            padding: padding as usize,
            weight: kernel.weight,
            bias: kernel.bias,
            activation: activation(conv.activation),
            range: expected.map_or((0.0, 0.0), Expected::range),
            means: expected.map_or(Vec::new(), |expected| expected.mean.clone()),
            residual: residual.map(|(layer, _)| *layer),
        }));
        if self.numbers != Numbers::F32 {
            let reach = if self.numbers == Numbers::Int8 { REACH } else { WIDE_REACH };
            let added = residual.and_then(|(_, expected)| expected.as_ref());
            self.expected = Some(Expected::of(self.weights, conv, reach)?.plus(added));
        }
        self.side = (self.side - 1) / conv.stride + 1;
        Ok(())
    }

    fn excite(&mut self, layer: &SqueezeExcite) -> Result<(), BackboneError> {
        let get = |name: &str| self.weights.values(&format!("{}.{name}", layer.name)).map(<[f32]>::to_vec);
        self.layers.push(Layer::Excite(tl_kernels::Excite {
            n_channels: layer.n_channels as usize,
            n_squeezed: layer.n_squeezed as usize,
            squeeze: get("fc1.weight")?,
            squeeze_bias: get("fc1.bias")?,
            expand: get("fc2.weight")?,
            expand_bias: get("fc2.bias")?,
        }));
        if let Some(expected) = &mut self.expected {
            expected.excite(self.weights, layer)?;
        }
        Ok(())
    }
}

fn activation(activation: Activation) -> tl_kernels::Activation {
    match activation {
        Activation::Relu => tl_kernels::Activation::Relu,
        Activation::Relu6 => tl_kernels::Activation::Relu6,
        Activation::Hardswish => tl_kernels::Activation::Hardswish,
        Activation::None | Activation::Hardsigmoid => tl_kernels::Activation::None,
    }
}
