//! Conversions between slices and tensors that check lengths: tch's own read past the end of a short slice.

use std::ffi::c_void;

use tch::{Device, Kind, Tensor};

use crate::error::TorchError;

/// A u8 tensor with a copy of `values`.
///
/// # Errors
/// [`TorchError::Length`] for a shape of more or fewer values, [`TorchError::Shape`] for what is no shape of a tensor,
/// [`TorchError::Libtorch`] when there is no memory for it.
pub fn tensor_from_u8(values: &[u8], shape: &[i64]) -> Result<Tensor, TorchError> {
    from_values(values, shape, Kind::Uint8)
}

/// An f32 tensor with a copy of `values`.
///
/// # Errors
/// As [`tensor_from_u8`].
pub fn tensor_from_f32(values: &[f32], shape: &[i64]) -> Result<Tensor, TorchError> {
    from_values(values, shape, Kind::Float)
}

/// The values of a u8 tensor, in order of its indices whatever its strides.
///
/// # Errors
/// [`TorchError::Libtorch`] when libtorch cannot convert them or bring them here.
pub fn to_vec_u8(tensor: &Tensor) -> Result<Vec<u8>, TorchError> {
    to_values(tensor, Kind::Uint8)
}

/// The values of a tensor as f32, in order of its indices whatever its kind, strides and device.
///
/// # Errors
/// As [`to_vec_u8`].
pub fn to_vec_f32(tensor: &Tensor) -> Result<Vec<f32>, TorchError> {
    to_values(tensor, Kind::Float)
}

/// A tensor with the same values, strides and kind in memory of its own; no gradients.
///
/// # Errors
/// [`TorchError::Libtorch`] when there is no memory for it.
pub fn deep_copy(tensor: &Tensor) -> Result<Tensor, TorchError> {
    let source = tensor.f_detach()?;
    let mut copy = source.f_empty_like()?;
    copy.f_copy_(&source)?;
    Ok(copy)
}

/// The values of a u8 tensor on the CPU, in memory order. Nothing may write to the tensor, nor to a shallow
/// clone of it, while the slice lives.
///
/// # Errors
/// [`TorchError::NotDense`] for any other tensor, or one with gaps.
pub fn u8_slice(tensor: &Tensor) -> Result<&[u8], TorchError> {
    slice(tensor, Kind::Uint8)
}

/// The values of an f32 tensor on the CPU, in memory order. Nothing may write to the tensor, nor to a shallow
/// clone of it, while the slice lives.
///
/// # Errors
/// [`TorchError::NotDense`] for any other tensor, or one with gaps.
pub fn f32_slice(tensor: &Tensor) -> Result<&[f32], TorchError> {
    slice(tensor, Kind::Float)
}

/// The values of an f32 tensor on the CPU, in memory order, to be written in place.
///
/// # Errors
/// [`TorchError::NotDense`] for any other tensor, or one with gaps.
pub fn f32_mut(tensor: &mut Tensor) -> Result<&mut [f32], TorchError> {
    values_mut(tensor, Kind::Float)
}

/// Plain numbers that libtorch holds in the same bits.
pub(crate) trait Value: Copy + Default {}
impl Value for u8 {}
impl Value for f32 {}

fn from_values<T: Value>(values: &[T], shape: &[i64], kind: Kind) -> Result<Tensor, TorchError> {
    let wanted = count(shape)?;
    if values.len() != wanted {
        return Err(TorchError::Length { shape: shape.to_vec(), wanted, found: values.len() });
    }
    let mut tensor = Tensor::f_empty(shape, (kind, Device::Cpu))?;
    values_mut(&mut tensor, kind)?.copy_from_slice(values);
    Ok(tensor)
}

fn to_values<T: Value>(tensor: &Tensor, kind: Kind) -> Result<Vec<T>, TorchError> {
    let mut dense = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?;
    Ok(values_mut::<T>(&mut dense, kind)?.to_vec())
}

/// The values of a dense tensor as a slice in memory order.
///
/// The slice borrows the tensor mutably, but a shallow clone of it may alias the same values: do not use
/// one while the slice lives. The callers above own the tensor or say so to theirs.
pub(crate) fn values_mut<T: Value>(tensor: &mut Tensor, kind: Kind) -> Result<&mut [T], TorchError> {
    let (pointer, n) = values(tensor, kind)?;
    if n == 0 {
        return Ok(&mut []);
    }
    // SAFETY: `values` checked that `n` values of `kind` lie one after another from the pointer; each caller
    // pairs `kind` with the T of its size and bits; the tensor is borrowed mutably for as long as the slice
    // lives.
    #[allow(unsafe_code)]
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer.cast::<T>(), n) })
}

/// The values of a dense tensor as a slice in memory order, to be read.
fn slice<T: Value>(tensor: &Tensor, kind: Kind) -> Result<&[T], TorchError> {
    let (pointer, n) = values(tensor, kind)?;
    if n == 0 {
        return Ok(&[]);
    }
    // SAFETY: `values` checked that `n` values of `kind` lie one after another from the pointer; each caller
    // pairs `kind` with the T of its size and bits; the tensor keeps them alive for as long as it is borrowed.
    #[allow(unsafe_code)]
    Ok(unsafe { std::slice::from_raw_parts(pointer.cast::<T>(), n) })
}

/// Where the values of a dense tensor on the CPU are, and how many.
fn values(tensor: &Tensor, kind: Kind) -> Result<(*mut c_void, usize), TorchError> {
    if tensor.kind() != kind || tensor.device() != Device::Cpu || !is_dense(tensor) {
        let found = format!("{:?} of shape {:?} on {:?}", tensor.kind(), tensor.size(), tensor.device());
        return Err(TorchError::NotDense { wanted: kind, found });
    }
    Ok((tensor.data_ptr(), tensor.numel()))
}

/// Whether the values fill their memory without gaps, in whatever order of dimensions.
fn is_dense(tensor: &Tensor) -> bool {
    if tensor.numel() == 0 {
        return true;
    }
    let mut dimensions: Vec<(i64, i64)> = tensor.stride().into_iter().zip(tensor.size()).filter(|d| d.1 != 1).collect();
    dimensions.sort_unstable();
    let mut expected = 1;
    dimensions.into_iter().all(|(stride, size)| {
        let fits = stride == expected;
        expected *= size;
        fits
    })
}

/// How many values a shape has.
pub(crate) fn count(shape: &[i64]) -> Result<usize, TorchError> {
    shape
        .iter()
        .try_fold(1_usize, |n, &side| n.checked_mul(usize::try_from(side).ok()?))
        .ok_or_else(|| TorchError::Shape(shape.to_vec()))
}
