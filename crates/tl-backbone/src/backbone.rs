//! The trainable form: convolutions and `BatchNorm` apart, gradients where they are wanted.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};
use tl_torch::{Activation, deep_copy};

use crate::{
    architecture::{Architecture, Block, ConvBn, Layer, Padding, SqueezeExcite},
    error::BackboneError,
    registry::Spec,
    weights::Weights,
};

/// What `BatchNorm` does in the blocks that are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchNorm {
    /// It normalises by its pretrained statistics, which never move: right for small sets of photos.
    #[default]
    Frozen,
    /// It normalises by the statistics of the batch and moves its own towards them.
    Batch,
}

/// A network that can be trained, wholly or from some block on.
#[derive(Debug)]
pub struct Backbone {
    spec: &'static Spec,
    pub(crate) architecture: Architecture,
    tensors: BTreeMap<String, Tensor>,
    /// Whether each layer is trained, in the order in which they run.
    pub(crate) trained: Vec<bool>,
    /// The first block with a trained layer.
    pub(crate) first_trained: usize,
    pub(crate) batch_norm: BatchNorm,
    pub(crate) bn_momentum: f64,
}

/// Share of a batch in the moving statistics; torchvision's default.
const BN_MOMENTUM: f64 = 0.1;

impl Backbone {
    /// A copy of the weights, everything frozen.
    pub fn new(weights: &Weights) -> Result<Self, BackboneError> {
        let spec = weights.spec();
        let architecture = (spec.architecture)();
        let tensors = weights.tensors().map(|(name, tensor)| Ok((name.to_owned(), deep_copy(&tensor)?)));
        let tensors = tensors.collect::<Result<_, BackboneError>>()?;
        let first_trained = architecture.blocks.len();
        let trained = vec![false; architecture.blocks.iter().map(|block| block.layers.len()).sum()];
        let (batch_norm, bn_momentum) = (BatchNorm::Frozen, BN_MOMENTUM);
        Ok(Self { spec, architecture, tensors, trained, first_trained, batch_norm, bn_momentum })
    }

    /// How many blocks the network has: the stem, each separable or inverted residual block, the last
    /// convolution where there is one.
    #[must_use]
    pub fn n_blocks(&self) -> usize {
        self.architecture.blocks.len()
    }

    /// Trains the blocks from `first` on and freezes those before; `first = n_blocks()` freezes all. The top
    /// stays frozen.
    ///
    /// Nothing of a frozen block moves, neither weights nor statistics, whatever `batch_norm` is.
    pub fn train_from(&mut self, first: usize, batch_norm: BatchNorm) -> Result<(), BackboneError> {
        if first > self.n_blocks() {
            return Err(self.no_block(first));
        }
        let blocks = self.architecture.blocks.iter().enumerate();
        let trained: Vec<bool> = blocks.flat_map(|(i, block)| vec![i >= first; block.layers.len()]).collect();
        self.train_layers(&trained, batch_norm)
    }

    /// Trains the layers that are marked, in the order of [`crate::layers`], and freezes the others and the top.
    ///
    /// Nothing of a frozen layer moves, neither weights nor statistics, whatever `batch_norm` is.
    pub fn train_layers(&mut self, trained: &[bool], batch_norm: BatchNorm) -> Result<(), BackboneError> {
        if trained.len() != self.trained.len() {
            let n_layers = self.trained.len();
            return Err(BackboneError::Layers { backbone: self.spec.name, n_layers, asked: trained.len() });
        }
        let mut marks = trained.iter();
        self.first_trained = self.n_blocks();
        for (i, block) in self.architecture.blocks.iter().enumerate() {
            for (layer, &is_trained) in block.layers.iter().zip(&mut marks) {
                if is_trained {
                    self.first_trained = self.first_trained.min(i);
                }
                for info in layer.tensors().iter().filter(|info| info.is_parameter) {
                    if let Some(tensor) = self.tensors.get_mut(&info.name) {
                        *tensor = tensor.f_detach()?.f_set_requires_grad(is_trained)?;
                    }
                }
            }
        }
        (self.trained, self.batch_norm) = (trained.to_vec(), batch_norm);
        Ok(())
    }

    /// The share of a batch in the moving statistics of [`BatchNorm::Batch`]: torchvision's is 0.1, Keras's 0.01
    /// (there called a momentum of 0.99).
    pub fn set_bn_momentum(&mut self, share: f64) {
        self.bn_momentum = share;
    }

    /// The first block with a trained layer; [`Self::n_blocks`] when all are frozen.
    #[must_use]
    pub fn first_trained(&self) -> usize {
        self.first_trained
    }

    /// The trained parameters with their names, in order of the names.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors().filter(|(_, tensor)| tensor.requires_grad())
    }

    /// Every tensor with its name, in order of the names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Moves everything to `device`.
    pub fn to_device(&mut self, device: Device) -> Result<(), BackboneError> {
        for tensor in self.tensors.values_mut() {
            let trained = tensor.requires_grad();
            *tensor = tensor.f_detach()?.f_to_device(device)?.f_set_requires_grad(trained)?;
        }
        Ok(())
    }

    /// A copy of the weights as they are now.
    pub fn to_weights(&self) -> Result<Weights, BackboneError> {
        let copies =
            self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), deep_copy(&tensor.f_to_device(Device::Cpu)?)?)));
        Weights::from_tensors(self.spec, copies.collect::<Result<_, BackboneError>>()?)
    }

    /// Features `[N, n_features]` of pictures `x` `[N, 3, H, W] f32`, normalised, with the statistics as they are.
    /// Training goes by [`Self::fold`] or [`Self::synced`].
    pub fn forward_features(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = x.shallow_clone();
        for block in 0..self.n_blocks() {
            x = self.forward_block(block, &x)?;
        }
        Ok(x.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// One block alone: `[N, C, H, W]` to `[N, C', H', W']`. What a frozen block gives for a photo never
    /// changes, so it can be kept.
    pub fn forward_block(&self, block: usize, x: &Tensor) -> Result<Tensor, BackboneError> {
        self.layers(self.architecture.blocks.get(block).ok_or_else(|| self.no_block(block))?, x)
    }

    /// `ImageNet` logits `[N, n_classes]` of features `[N, n_features]`: the pretrained top, without dropout.
    pub fn logits(&self, features: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = features.shallow_clone();
        for dense in &self.architecture.top {
            let (weight, bias) = (self.get(&dense.name, "weight")?, self.get(&dense.name, "bias")?);
            x = dense.activation.apply(&x.f_linear(weight, Some(bias))?)?;
        }
        Ok(x)
    }

    fn layers(&self, block: &Block, input: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = input.shallow_clone();
        for layer in &block.layers {
            x = match layer {
                Layer::Conv(conv) => self.conv(conv, &x)?,
                Layer::SqueezeExcite(excite) => self.excite(excite, &x)?,
            };
        }
        Ok(if block.is_residual { x.f_add(input)? } else { x })
    }

    fn conv(&self, conv: &ConvBn, x: &Tensor) -> Result<Tensor, BackboneError> {
        let (stride, symmetric) = (conv.stride, (conv.kernel - 1) / 2);
        let weight = self.get(&conv.conv, "weight")?;
        let x = match self.architecture.padding {
            Padding::Symmetric => convolve(x, weight, None, stride, symmetric, conv.groups)?,
            Padding::Same => convolve(&pad_same(x, conv.kernel, stride)?, weight, None, stride, 0, conv.groups)?,
        };
        let bn = |name| self.get(&conv.bn, name);
        let normalised = x.f_batch_norm(
            Some(bn("weight")?),
            Some(bn("bias")?),
            Some(bn("running_mean")?),
            Some(bn("running_var")?),
            false,
            self.bn_momentum,
            self.architecture.bn_eps,
            false,
        )?;
        Ok(conv.activation.apply(&normalised)?)
    }

    fn excite(&self, excite: &SqueezeExcite, x: &Tensor) -> Result<Tensor, BackboneError> {
        let fc = |layer: &str, x: &Tensor, activation: Activation| {
            let name = format!("{}.{layer}", excite.name);
            let y = x.f_conv2d(self.get(&name, "weight")?, Some(self.get(&name, "bias")?), 1, 0, 1, 1)?;
            Ok::<_, BackboneError>(activation.apply(&y)?)
        };
        let means = x.f_mean_dim(&[2, 3][..], true, x.kind())?;
        let scales = fc("fc2", &fc("fc1", &means, Activation::Relu)?, Activation::Hardsigmoid)?;
        Ok(x.f_mul(&scales)?)
    }

    pub(crate) fn get(&self, prefix: &str, name: &str) -> Result<&Tensor, BackboneError> {
        self.tensor(&format!("{prefix}.{name}"))
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor, BackboneError> {
        self.tensors
            .get(name)
            .ok_or_else(|| BackboneError::Tensors { backbone: self.spec.name, problems: format!("{name} is missing") })
    }

    fn no_block(&self, asked: usize) -> BackboneError {
        BackboneError::Block { backbone: self.spec.name, n_blocks: self.n_blocks(), asked }
    }
}

pub(crate) fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    stride: i64,
    padding: i64,
    groups: i64,
) -> Result<Tensor, tch::TchError> {
    x.f_conv2d(weight, bias, [stride, stride], [padding, padding], [1, 1], groups)
}

/// Zeros around `x` as `TensorFlow`'s SAME puts them.
pub(crate) fn pad_same(x: &Tensor, kernel: i64, stride: i64) -> Result<Tensor, tch::TchError> {
    let size = x.size();
    let [(top, bottom), (left, right)] = [size[2], size[3]].map(|side| same_padding(side, kernel, stride));
    match [left, right, top, bottom] {
        [0, 0, 0, 0] => Ok(x.shallow_clone()),
        padding => x.f_constant_pad_nd(padding),
    }
}

/// Zeros before and after a line of `side` pixels: what `ceil(side / stride)` outputs need, the odd one after.
pub(crate) fn same_padding(side: i64, kernel: i64, stride: i64) -> (i64, i64) {
    let n_out = (side + stride - 1) / stride;
    let total = ((n_out - 1) * stride + kernel - side).max(0);
    (total / 2, total - total / 2)
}
