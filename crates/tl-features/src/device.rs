//! The network on a device that computes in large batches, such as a GPU.

use tch::{Device, Kind, Tensor};
use tl_backbone::{Backbone, Preprocessing, Weights};
use tl_torch::{TorchError, tensor_from_f32, tensor_from_u8, to_vec_f32};

use crate::error::FeatureError;

/// The frozen network on one device, in f32. Bytes travel there; they become numbers there.
pub(crate) struct DeviceNetwork {
    backbone: Backbone,
    device: Device,
    /// `[3] f32`: a pixel `p` becomes `p * scale + shift`.
    scale: Tensor,
    shift: Tensor,
}

impl DeviceNetwork {
    pub(crate) fn new(weights: &Weights, device: Device) -> Result<Self, FeatureError> {
        let mut backbone = Backbone::new(weights)?;
        backbone.to_device(device)?;
        let Preprocessing { mean, std, .. } = &weights.spec().preprocessing;
        let scale = std.map(|std| 1.0 / (255.0 * std));
        let shift = [0, 1, 2].map(|c| -mean[c] / std[c]);
        let on_device =
            |values: [f32; 3]| tensor_from_f32(&values, &[3])?.f_to_device(device).map_err(TorchError::from);
        let (scale, shift) = (on_device(scale)?, on_device(shift)?);
        Ok(Self { backbone, device, scale, shift })
    }

    /// Features `[n, width]`, row-major, of `n` pictures: `[n, side, side, 3] u8`.
    pub(crate) fn features(&self, pixels: &[u8], n: usize, side: usize) -> Result<Vec<f32>, FeatureError> {
        let _guard = tch::no_grad_guard();
        let bytes = tensor_from_u8(pixels, &[n as i64, side as i64, side as i64, 3])?;
        let features = self.backbone.forward_features(&self.normalised(&bytes).map_err(TorchError::from)?)?;
        Ok(to_vec_f32(&features)?)
    }

    /// `[n, 3, side, side] f32` on the device, channels-last in memory, as the bytes were.
    fn normalised(&self, bytes: &Tensor) -> Result<Tensor, tch::TchError> {
        let there = bytes.f_to_device(self.device)?.f_to_kind(Kind::Float)?;
        there.f_mul(&self.scale)?.f_add(&self.shift)?.f_permute([0, 3, 1, 2])
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tl_backbone::{Network, Precision, spec};

    use super::*;

    /// The device path, run on the processor, agrees with the fast form; on a GPU it is the same code.
    #[test]
    fn agrees_with_the_compiled_network() {
        for name in ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../data/weights/{name}.safetensors"));
            assert!(path.is_file(), "{} is missing: run `cargo xtask fetch --all`", path.display());
            let weights = Weights::open(&path, spec(name).unwrap()).unwrap();
            let pixels: Vec<u8> = (0..2 * 224 * 224 * 3).map(|i| (i * 7 % 251) as u8).collect();
            let wanted = Network::compile(&weights, Precision::F32, 2).unwrap().features(&pixels, 2).unwrap();
            let device = Device::cuda_if_available();
            let found = DeviceNetwork::new(&weights, device).unwrap().features(&pixels, 2, 224).unwrap();
            let wanted = to_vec_f32(&wanted).unwrap();
            let largest = wanted.iter().fold(0f32, |a, b| a.max(b.abs()));
            let difference = wanted.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(difference <= 1e-3 * largest, "{name}: {difference} of {largest}");
        }
    }
}
