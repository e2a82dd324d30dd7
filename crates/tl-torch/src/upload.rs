//! The way to a GPU.

use tch::{Device, Kind, Tensor};

use crate::{
    convert::{count, tensor_from_u8},
    error::TorchError,
    ffi,
};

/// A tensor on the CPU brought to `device`.
///
/// To a GPU it goes from memory that the system may not move, so that the copy waits its turn there and the caller goes on;
/// from other memory the caller would wait for all that the GPU was told to do before.
///
/// # Errors
/// [`TorchError::Libtorch`] where there is no such device, or no memory on it.
pub fn upload(tensor: &Tensor, device: Device) -> Result<Tensor, TorchError> {
    match device {
        Device::Cuda(_) => Ok(pinned(tensor)?.f_to_device_(device, tensor.kind(), true, false)?),
        _ => Ok(tensor.f_to_device(device)?),
    }
}

/// The same for a u8 tensor of `values`, which are copied once.
///
/// # Errors
/// As [`upload`], and [`TorchError::Length`] or [`TorchError::Shape`] for values that do not have this shape.
pub fn upload_u8(values: &[u8], shape: &[i64], device: Device) -> Result<Tensor, TorchError> {
    match device {
        Device::Cuda(_) => Ok(pinned_from_u8(values, shape)?.f_to_device_(device, Kind::Uint8, true, false)?),
        _ => Ok(tensor_from_u8(values, shape)?.f_to_device(device)?),
    }
}

/// A copy of a tensor on the CPU in memory that the system may not move. Errors where there is no GPU.
///
/// `Tensor::f_pin_memory` must be given a device, and libtorch warns on standard error of that, twice.
fn pinned(tensor: &Tensor) -> Result<Tensor, TorchError> {
    let mut pinned = std::ptr::null_mut();
    // SAFETY: the tensor lives through the call; on success the shim hands over a new one that Rust now owns.
    #[allow(unsafe_code)]
    unsafe {
        ffi::check(ffi::tlt_pinned(tensor.as_ptr(), &raw mut pinned))?;
        Ok(Tensor::from_ptr(pinned))
    }
}

/// A u8 tensor with a copy of `values` in such memory.
fn pinned_from_u8(values: &[u8], shape: &[i64]) -> Result<Tensor, TorchError> {
    let wanted = count(shape)?;
    if values.len() != wanted {
        return Err(TorchError::Length { shape: shape.to_vec(), wanted, found: values.len() });
    }
    let strides: Vec<i64> = (0..shape.len()).map(|i| shape[i + 1..].iter().product()).collect();
    // SAFETY: as many bytes as the shape asks for lie there; nothing writes to them, and the tensor is gone when they may
    // be, since `pinned` always copies.
    #[allow(unsafe_code)]
    let seen = unsafe { Tensor::f_from_blob(values.as_ptr(), shape, &strides, Kind::Uint8, Device::Cpu)? };
    pinned(&seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pinned_memory_is_for_gpus() {
        let has_gpu = crate::cuda_if_available() != Device::Cpu;
        let bytes = [1, 2, 3, 4, 5, 6];
        match pinned_from_u8(&bytes, &[2, 3]) {
            Ok(tensor) => assert_eq!(crate::to_vec_u8(&tensor).unwrap(), bytes),
            Err(error) => assert!(!has_gpu, "{error}"),
        }
        assert_eq!(pinned(&Tensor::from_slice(&[1f32])).is_ok(), has_gpu);
        assert!(matches!(pinned_from_u8(&bytes, &[7]), Err(TorchError::Length { wanted: 7, found: 6, .. })));
    }

    #[test]
    fn what_is_uploaded_is_the_same_there() {
        let device = crate::cuda_if_available();
        let bytes = upload_u8(&[1, 2, 3, 4], &[2, 2], device).unwrap();
        assert_eq!((bytes.device(), crate::to_vec_u8(&bytes).unwrap()), (device, vec![1, 2, 3, 4]));
        let numbers = upload(&Tensor::from_slice(&[1.5f32, 2.0]), device).unwrap();
        assert_eq!((numbers.device(), crate::to_vec_f32(&numbers).unwrap()), (device, vec![1.5, 2.0]));
    }
}
