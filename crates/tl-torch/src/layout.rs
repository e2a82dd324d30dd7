//! The channels-last memory format: `[N, C, H, W]` by shape, N, H, W, C in memory.

use tch::{Device, Kind, Tensor};

use crate::error::TorchError;

/// `x` of shape `[N, C, H, W]` in channels-last order; copied only if it is in another.
///
/// Strides decide, so a tensor with one channel or a 1x1 image may be in both orders at once: it is copied
/// too, because operators look at the strides and would choose the slower kernels.
///
/// # Errors
/// [`TorchError::Input`] for another number of dimensions, [`TorchError::Libtorch`] when there is no memory for the
/// copy.
pub fn channels_last(x: &Tensor) -> Result<Tensor, TorchError> {
    if is_channels_last(x) {
        return Ok(x.shallow_clone());
    }
    let mut out = empty_channels_last(four(&x.size())?, x.kind(), x.device())?;
    out.f_copy_(x)?;
    Ok(out)
}

/// An uninitialised `[N, C, H, W]` tensor in channels-last order.
///
/// # Errors
/// [`TorchError::Libtorch`] for a negative side, or when there is no memory for it.
pub fn empty_channels_last(shape: [i64; 4], kind: Kind, device: Device) -> Result<Tensor, TorchError> {
    Ok(Tensor::f_empty_strided(shape, strides(shape), (kind, device))?)
}

/// Whether `x` has four dimensions and the strides of the channels-last format.
#[must_use]
pub fn is_channels_last(x: &Tensor) -> bool {
    four(&x.size()).is_ok_and(|shape| x.stride() == strides(shape))
}

fn strides([_, c, h, w]: [i64; 4]) -> [i64; 4] {
    [h * w * c, 1, w * c, c]
}

fn four(shape: &[i64]) -> Result<[i64; 4], TorchError> {
    shape.try_into().map_err(|_| TorchError::Input {
        operation: "channels_last",
        wanted: vec![-1; 4],
        found: shape.to_vec(),
    })
}
