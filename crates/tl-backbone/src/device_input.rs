//! From bytes to the network's input, on the device that computes.

use tch::{Device, Kind, Tensor};
use tl_torch::tensor_from_u8;

use crate::{error::BackboneError, preprocessing::Preprocessing};

/// Brings pixels to a device, where they become numbers: bytes are a quarter of what would travel otherwise.
#[derive(Debug)]
pub struct DeviceInput {
    device: Device,
    /// `[3] f32`: a pixel `p` becomes `p * scale + shift`.
    scale: Tensor,
    shift: Tensor,
}

impl DeviceInput {
    /// For networks that see pictures so, on `device`.
    pub fn new(preprocessing: &Preprocessing, device: Device) -> Result<Self, BackboneError> {
        let Preprocessing { mean, std, .. } = preprocessing;
        let row = |values: [f32; 3]| Tensor::f_from_slice(&values)?.f_to_device(device);
        let scale = row(std.map(|std| 1.0 / (255.0 * std)))?;
        let shift = row([0, 1, 2].map(|c| -mean[c] / std[c]))?;
        Ok(Self { device, scale, shift })
    }

    /// The network's input `[n, 3, side, side] f32` on the device, channels-last in memory as the pixels
    /// `[n, side, side, 3] u8` are.
    pub fn normalise(&self, pixels: &[u8], n: usize, side: usize) -> Result<Tensor, BackboneError> {
        let bytes = self.upload(&tensor_from_u8(pixels, &[n as i64, side as i64, side as i64, 3])?)?;
        Ok(bytes.f_to_kind(Kind::Float)?.f_mul(&self.scale)?.f_add(&self.shift)?.f_permute([0, 3, 1, 2])?)
    }

    /// To a GPU from memory that the kernel may not move, so that the copy runs beside the computation before it; the
    /// caller does not wait for either.
    fn upload(&self, bytes: &Tensor) -> Result<Tensor, tch::TchError> {
        match self.device {
            Device::Cpu => Ok(bytes.shallow_clone()),
            device => bytes.f_pin_memory(device)?.f_to_device_(device, Kind::Uint8, true, false),
        }
    }
}

impl Preprocessing {
    /// The network's input `[n, 3, side, side] f32`, channels-last, of pixels `[n, side, side, 3] u8`.
    pub fn normalise(&self, pixels: &[u8], n: usize, side: usize) -> Result<Tensor, BackboneError> {
        DeviceInput::new(self, Device::Cpu)?.normalise(pixels, n, side)
    }
}
