//! `BatchNorm` folded into the convolution before it: with fixed statistics both are one linear map.

use tch::Tensor;

use crate::{
    architecture::{Architecture, ConvBn, Padding},
    error::BackboneError,
    weights::Weights,
};

/// Weight `[C_out, C_in / groups, K, K]` and bias `[C_out]` that do the work of both, f32.
pub(crate) fn fold(
    weights: &Weights,
    architecture: &Architecture,
    conv: &ConvBn,
) -> Result<(Tensor, Tensor), BackboneError> {
    let bn = |name: &str| weights.get(&format!("{}.{name}", conv.bn));
    let scale = bn("weight")?.f_div(&bn("running_var")?.f_add_scalar(architecture.bn_eps)?.f_sqrt()?)?;
    let bias = bn("bias")?.f_sub(&bn("running_mean")?.f_mul(&scale)?)?;
    let weight = weights.get(&format!("{}.weight", conv.conv))?.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
    let weight = if conv.n_in == 3 { weight.f_mul(&weights.spec().preprocessing.byte_scale()?)? } else { weight };
    Ok((weight, bias))
}

/// The same with the kernels of a network with SAME padding turned by 180 degrees, for pictures that are turned as
/// well: then the odd zero, which belongs at the bottom and right, comes to lie at the top and left, where
/// symmetric padding puts it too. (With an even side, stride 2 and a 3x3 kernel, symmetric padding's zeros at
/// the bottom and right are never read; with an odd side SAME is symmetric.) So no layer has to copy its
/// input into a padded one.
pub(crate) fn fold_turned(
    weights: &Weights,
    architecture: &Architecture,
    conv: &ConvBn,
) -> Result<(Tensor, Tensor), BackboneError> {
    let (weight, bias) = fold(weights, architecture, conv)?;
    let turned = architecture.padding == Padding::Same && conv.kernel > 1;
    Ok((if turned { weight.f_flip([2, 3])? } else { weight }, bias))
}
