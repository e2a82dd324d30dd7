//! The trainable form at work, with plain operators: any device, any kind of arithmetic, gradients where they are wanted.

use tch::{Kind, Tensor};
use tl_torch::{Activation, deep_copy};

use super::{Backbone, BatchNorm};
use crate::{
    architecture::{Block, ConvBn, Layer, Padding, SqueezeExcite},
    error::BackboneError,
    layout::Layout,
};

impl Backbone {
    /// Features `[N, n_features]` of pictures `x` `[N, 3, H, W] f32`, normalised, with the statistics as they are.
    /// Training goes by [`Self::fold`], [`Self::synced`] or [`Self::forward_trained`].
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for pictures of another shape, or on another device than the network.
    pub fn forward_features(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = x.shallow_clone();
        for block in 0..self.n_blocks() {
            x = self.forward_block(block, &x)?;
        }
        Ok(x.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// One block alone: `[N, C, H, W]` to `[N, C', H', W']`. What a frozen block gives for a photo never
    /// changes, so it can be kept.
    ///
    /// # Errors
    /// [`BackboneError::Block`] where there is no such block, [`BackboneError::Torch`] for activations that do not fit.
    pub fn forward_block(&self, block: usize, x: &Tensor) -> Result<Tensor, BackboneError> {
        let block = self.architecture.blocks.get(block).ok_or_else(|| self.no_block(block))?;
        self.layers(block, x, &mut std::iter::repeat(false))
    }

    /// Features `[N, n_features] f32` of activations `x` `[N, C, H, W]` before the first block with a trained layer, as
    /// one graph on the device where everything is: with [`BatchNorm::Batch`] trained layers normalise by the batch and
    /// move their statistics. The kind of `x` is that of the arithmetic; parameters and statistics remain f32.
    ///
    /// This is what a GPU is good at. On processors [`Self::synced`] takes less time, and its bits do not depend on the
    /// number of threads.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for activations that do not fit that block, or are on another device.
    pub fn forward_trained(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        let (before, blocks) = self.architecture.blocks.split_at(self.first_trained);
        let n_before: usize = before.iter().map(|block| block.layers.len()).sum();
        let moves = self.batch_norm == BatchNorm::Batch;
        let mut moving = self.trained[n_before..].iter().map(|trained| *trained && moves);
        let mut x = Layout::Plain.apply(x)?;
        for block in blocks {
            x = self.layers(block, &x, &mut moving)?;
        }
        Ok(x.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// `ImageNet` logits `[N, n_classes]` of features `[N, n_features]`: the pretrained top, without dropout.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for features of another width or kind, or on another device than the network.
    pub fn logits(&self, features: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = features.shallow_clone();
        for dense in &self.architecture.top {
            let (weight, bias) = (self.get(&dense.name, "weight")?, self.get(&dense.name, "bias")?);
            x = dense.activation.apply(&x.f_linear(weight, Some(bias))?)?;
        }
        Ok(x)
    }

    /// `moving` says of each layer whether it normalises by the batch.
    fn layers(
        &self,
        block: &Block,
        input: &Tensor,
        moving: &mut impl Iterator<Item = bool>,
    ) -> Result<Tensor, BackboneError> {
        let mut x = input.shallow_clone();
        for (layer, moves) in block.layers.iter().zip(moving) {
            x = match layer {
                Layer::Conv(conv) => self.conv(conv, &x, moves)?,
                Layer::SqueezeExcite(excite) => self.excite(excite, &x)?,
            };
        }
        Ok(if block.is_residual { x.f_add(input)? } else { x })
    }

    fn conv(&self, conv: &ConvBn, x: &Tensor, moves: bool) -> Result<Tensor, BackboneError> {
        let weight = self.get(&conv.conv, "weight")?.f_to_kind(x.kind())?;
        let x = convolve_padded(x, &weight, None, conv, self.architecture.padding)?;
        let bn = |name| self.get(&conv.bn, name);
        let variance = bn("running_var")?;
        let as_keras = moves && self.architecture.padding == Padding::Same;
        let estimate = if as_keras { deep_copy(variance)? } else { variance.shallow_clone() };
        let normalised = x.f_batch_norm(
            Some(bn("weight")?),
            Some(bn("bias")?),
            Some(bn("running_mean")?),
            Some(&estimate),
            moves,
            self.bn_momentum,
            self.architecture.bn_eps,
            false,
        )?;
        if as_keras {
            self.move_as_keras(variance, &estimate, x.numel() as f64 / conv.n_out as f64)?;
        }
        activate(conv.activation, normalised)
    }

    /// libtorch has moved the variance towards the estimate for all photos, `n / (n - 1)` times that of the batch, which
    /// Keras moves it towards.
    fn move_as_keras(&self, variance: &Tensor, estimate: &Tensor, n: f64) -> Result<(), BackboneError> {
        let _guard = tch::no_grad_guard();
        let kept = variance.f_mul_scalar(1.0 - self.bn_momentum)?;
        let of_batch = estimate.f_sub(&kept)?.f_mul_scalar((n - 1.0) / n)?;
        variance.shallow_clone().f_copy_(&kept.f_add(&of_batch)?)?;
        Ok(())
    }

    fn excite(&self, excite: &SqueezeExcite, x: &Tensor) -> Result<Tensor, BackboneError> {
        let tensors = self.excite_tensors(excite)?;
        let of_kind: Result<Vec<_>, _> = tensors.iter().map(|tensor| tensor.f_to_kind(x.kind())).collect();
        excited(x, &of_kind?)
    }

    /// Handles to the four tensors of a layer.
    pub(crate) fn excite_tensors(&self, excite: &SqueezeExcite) -> Result<Vec<Tensor>, BackboneError> {
        excite.names().iter().map(|name| Ok(self.tensor(name)?.shallow_clone())).collect()
    }
}

/// Squeeze and excite, with its tensors in the order of [`SqueezeExcite::names`], in the arithmetic of all of them.
pub(crate) fn excited(x: &Tensor, tensors: &[Tensor]) -> Result<Tensor, BackboneError> {
    let [weight1, bias1, weight2, bias2] = tensors else { return Err(BackboneError::Folded) };
    let means = x.f_mean_dim(&[2, 3][..], true, x.kind())?;
    let squeezed = Activation::Relu.apply(&convolve(&means, weight1, Some(bias1), 1, 0, 1)?)?;
    let scales = Activation::Hardsigmoid.apply(&convolve(&squeezed, weight2, Some(bias2), 1, 0, 1)?)?;
    Ok(x.f_mul(&scales)?)
}

/// A layer's convolution with the zeros that its network wants around `x`. They are put there beforehand only where not
/// all sides want as many.
pub(crate) fn convolve_padded(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    conv: &ConvBn,
    padding: Padding,
) -> Result<Tensor, tch::TchError> {
    let &ConvBn { kernel, stride, groups, .. } = conv;
    let symmetric = (kernel - 1) / 2;
    let is_even = |&side: &i64| same_padding(side, kernel, stride) == (symmetric, symmetric);
    match padding {
        Padding::Same if !x.size()[2..].iter().all(is_even) => {
            convolve(&pad_same(x, kernel, stride)?, weight, bias, stride, 0, groups)
        }
        _ => convolve(x, weight, bias, stride, symmetric, groups),
    }
}

/// In place where the gradient can be had from the output.
pub(crate) fn activate(activation: Activation, mut x: Tensor) -> Result<Tensor, BackboneError> {
    Ok(match activation {
        Activation::Relu6 => x.f_relu6_()?,
        Activation::Relu => x.f_relu_()?,
        other => other.apply(&x)?,
    })
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
