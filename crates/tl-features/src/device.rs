//! The network on a device that computes in large batches, such as a GPU.

use tch::{Device, Tensor};
use tl_backbone::{Backbone, BackboneError, DeviceInput, Folded, Precision, Weights};

use crate::error::FeatureError;

/// The frozen network on one device. Bytes travel there; they become numbers there.
pub(crate) struct DeviceNetwork {
    input: DeviceInput,
    network: Folded,
}

impl DeviceNetwork {
    pub(crate) fn new(weights: &Weights, device: Device, precision: Precision) -> Result<Self, FeatureError> {
        if matches!(precision, Precision::Int16 | Precision::Int8) {
            return Err(BackboneError::IntegersOnDevice { precision: precision.name() }.into());
        }
        let mut backbone = Backbone::new(weights)?;
        backbone.to_device(device)?;
        let input = DeviceInput::new(&weights.spec().preprocessing, device)?;
        Ok(Self { input, network: backbone.fold_frozen(precision)? })
    }

    /// Features `[n, width] f32` on the device, of `n` pictures: `[n, side, side, 3] u8`. A GPU may still be at work on them
    /// when this returns; to read them is to wait for it.
    pub(crate) fn features(&self, pixels: &[u8], n: usize, side: usize) -> Result<Tensor, FeatureError> {
        let _guard = tch::no_grad_guard();
        Ok(self.network.forward(&self.input.normalise(pixels, n, side)?)?)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tl_backbone::{Network, spec};
    use tl_torch::{cuda_if_available, to_vec_f32};

    use super::*;

    /// The device path, on the processor where there is no GPU, agrees with the fast form.
    #[test]
    fn agrees_with_the_compiled_network() {
        for (precision, allowed) in [(Precision::F32, 1e-3), (Precision::Bf16, 0.2), (Precision::F16, 1e-2)] {
            agrees(precision, allowed);
        }
    }

    fn agrees(precision: Precision, allowed: f32) {
        for name in ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../data/weights/{name}.safetensors"));
            assert!(path.is_file(), "{} is missing: run `cargo xtask fetch --all`", path.display());
            let weights = Weights::open(&path, spec(name).unwrap()).unwrap();
            let pixels: Vec<u8> = (0..2 * 224 * 224 * 3).map(|i| (i * 7 % 251) as u8).collect();
            let wanted = Network::compile(&weights, Precision::F32, 2).unwrap().features(&pixels, 2).unwrap();
            let device = cuda_if_available();
            // As in `tl`: a GPU would round factors to 10 bits.
            tl_torch::exact_f32();
            let network = DeviceNetwork::new(&weights, device, precision).unwrap();
            let found = to_vec_f32(&network.features(&pixels, 2, 224).unwrap()).unwrap();
            let wanted = to_vec_f32(&wanted).unwrap();
            let largest = wanted.iter().fold(0f32, |a, b| a.max(b.abs()));
            let difference = wanted.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
            assert!(difference <= allowed * largest, "{name}, {precision:?}: {difference} of {largest}");
        }
    }
}
