//! Rounding of weights to bf16 and i8 that keeps what the layers give on average.
//!
//! Rounding each weight by itself shifts the mean of a depthwise convolution's output by up to half a percent
//! of its input, since its nine taps see nearly the same value, and such shifts add up: `MobileNet` V1's
//! features move by 5 % on photos. Two corrections, both computed from the weights alone, halve that: the taps of a
//! kernel are rounded so that their sum stays (as error diffusion does in images), and the bias takes up what
//! is left on the inputs that `BatchNorm`'s statistics lead one to expect (Nagel et al. 2019, "Data-Free
//! Quantization Through Weight Equalization and Bias Correction", section 4.2).

use tch::{Kind, Tensor};
use tl_torch::{tensor_from_f32, to_vec_f32};

use crate::{error::BackboneError, expected::Expected};

/// Weight in bf16 and bias in f32 that stand for `weight` and `bias` on inputs of channel means `expected`
/// `[C_in]`, if those are known.
pub(crate) fn to_bf16(
    weight: &Tensor,
    bias: &Tensor,
    expected: Option<&Expected>,
) -> Result<(Tensor, Tensor), BackboneError> {
    let shape = weight.size();
    let taps = shape[2] * shape[3];
    let rounded = match taps {
        1 => weight.f_to_kind(Kind::BFloat16)?,
        _ => tensor_from_f32(&diffused(&to_vec_f32(weight)?, taps as usize), &shape)?.f_to_kind(Kind::BFloat16)?,
    };
    let bias = corrected(bias, weight, &rounded.f_to_kind(Kind::Float)?, expected)?;
    Ok((rounded, bias))
}

/// Weight in i8, what one step of it is worth in each output channel `[C_out] f32`, and bias in f32.
pub(crate) fn to_int8(
    weight: &Tensor,
    bias: &Tensor,
    expected: Option<&Expected>,
) -> Result<(Tensor, Tensor, Tensor), BackboneError> {
    let scale = weight.f_abs()?.f_amax(&[1, 2, 3][..], true)?.f_clamp_min(1e-8)?.f_div_scalar(127.0)?;
    let steps = weight.f_div(&scale)?.f_round()?;
    let bias = corrected(bias, weight, &steps.f_mul(&scale)?, expected)?;
    Ok((steps.f_to_kind(Kind::Int8)?, scale.f_view([-1])?, bias))
}

/// The bias that takes up what rounding the weight takes away on average.
fn corrected(
    bias: &Tensor,
    weight: &Tensor,
    rounded: &Tensor,
    expected: Option<&Expected>,
) -> Result<Tensor, BackboneError> {
    let Some(Expected { mean, .. }) = expected else { return Ok(bias.shallow_clone()) };
    // For each pair of channels: a depthwise kernel has one input channel.
    let lost = weight.f_sub(rounded)?.f_sum_dim_intlist(&[2, 3][..], false, Kind::Float)?;
    let shift = match weight.size()[1] {
        1 => lost.f_view([-1])?.f_mul(mean)?,
        _ => lost.f_mv(mean)?,
    };
    Ok(bias.f_add(&shift)?)
}

/// All kernels of `taps` values each, rounded to bf16 so that the sum of each stays.
fn diffused(weights: &[f32], taps: usize) -> Vec<f32> {
    weights.chunks_exact(taps).flat_map(diffused_kernel).collect()
}

/// Largest tap first, each taking up the error so far: the last is the smallest and has the finest grid.
fn diffused_kernel(kernel: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..kernel.len()).collect();
    order.sort_by(|&a, &b| kernel[b].abs().total_cmp(&kernel[a].abs()).then(a.cmp(&b)));
    let mut rounded = vec![0.0; kernel.len()];
    let mut error = 0.0;
    for tap in order {
        let wanted = kernel[tap] + error;
        rounded[tap] = f32::from_bits(u32::from(bf16_bits(wanted)) << 16);
        error = wanted - rounded[tap];
    }
    rounded
}

/// The upper half of an f32, rounded to nearest, ties to even. Never given a NaN.
fn bf16_bits(x: f32) -> u16 {
    let bits = x.to_bits();
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}
