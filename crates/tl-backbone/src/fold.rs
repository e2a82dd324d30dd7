//! `BatchNorm` folded into the convolution before it: with fixed statistics both are one linear map.

use tch::Tensor;
use tl_torch::{TorchError, tensor_from_f32};

use crate::{
    architecture::{Architecture, ConvBn, Padding},
    error::BackboneError,
    weights::Weights,
};

/// A convolution with its bias.
#[derive(Debug, Clone)]
pub(crate) struct Kernel {
    /// `[C_out, C_in / groups, K, K]`.
    pub(crate) shape: [usize; 4],
    /// As many values.
    pub(crate) weight: Vec<f32>,
    /// `[C_out]`.
    pub(crate) bias: Vec<f32>,
}

/// One that does the work of both.
pub(crate) fn fold(weights: &Weights, architecture: &Architecture, conv: &ConvBn) -> Result<Kernel, BackboneError> {
    let bn = |name: &str| weights.values(&format!("{}.{name}", conv.bn));
    let variance = bn("running_var")?.iter().map(|variance| (variance + architecture.bn_eps as f32).sqrt());
    let scale: Vec<f32> = bn("weight")?.iter().zip(variance).map(|(weight, deviation)| weight / deviation).collect();
    let mean = bn("running_mean")?.iter().zip(&scale).map(|(mean, scale)| mean * scale);
    let bias = bn("bias")?.iter().zip(mean).map(|(bias, mean)| bias - mean).collect();
    let weight = weights.values(&format!("{}.weight", conv.conv))?;
    let (n_in, side) = ((conv.n_in / conv.groups) as usize, conv.kernel as usize);
    let shape = [conv.n_out as usize, n_in, side, side];
    let mut weight = weight.to_vec();
    for (filter, scale) in weight.chunks_exact_mut(n_in * side * side).zip(&scale) {
        for w in filter {
            *w *= scale;
        }
    }
    if conv.n_in == 3 {
        let channels = weights.spec().preprocessing.byte_scale().into_iter().cycle();
        for (taps, scale) in weight.chunks_exact_mut(side * side).zip(channels) {
            for tap in taps {
                *tap *= scale;
            }
        }
    }
    Ok(Kernel { shape, weight, bias })
}

impl Kernel {
    /// Values for each pair of an output and an input channel.
    pub(crate) fn n_taps(&self) -> usize {
        self.shape[2] * self.shape[3]
    }

    /// The same turned by 180 degrees where padding is SAME, for pictures that are turned as well: then the odd zero,
    /// which belongs at the bottom and right, comes to lie at the top and left, where symmetric padding puts it too.
    /// (With an even side, stride 2 and a 3x3 kernel, symmetric padding's zeros at the bottom and right are never read;
    /// with an odd side SAME is symmetric.) So no layer has to copy its input into a padded one.
    pub(crate) fn turned(mut self, padding: Padding) -> Self {
        let n_taps = self.n_taps();
        if padding == Padding::Same {
            self.weight.chunks_exact_mut(n_taps).for_each(<[f32]>::reverse);
        }
        self
    }

    /// Weight and bias as tensors, f32.
    pub(crate) fn tensors(&self) -> Result<(Tensor, Tensor), TorchError> {
        let weight = tensor_from_f32(&self.weight, &self.shape.map(|side| side as i64))?;
        Ok((weight, tensor_from_f32(&self.bias, &[self.bias.len() as i64])?))
    }
}
