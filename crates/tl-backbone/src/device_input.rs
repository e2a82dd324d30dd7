//! From bytes to the network's input, on the device that computes.

use tch::{Device, Kind, Tensor};
use tl_torch::upload_u8;

use crate::{error::BackboneError, layout::Layout, preprocessing::Preprocessing};

/// Brings pixels to a device, where they become numbers: bytes are a quarter of what would travel otherwise.
#[derive(Debug)]
pub struct DeviceInput {
    device: Device,
    layout: Layout,
    /// `[3] f32`: a pixel `p` becomes `p * scale + shift`.
    scale: Tensor,
    shift: Tensor,
}

impl DeviceInput {
    /// For networks that see pictures so, on `device`.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] where there is no such device, or no memory on it.
    pub fn new(preprocessing: &Preprocessing, device: Device) -> Result<Self, BackboneError> {
        let Preprocessing { mean, std, .. } = preprocessing;
        let row = |values: [f32; 3]| Tensor::f_from_slice(&values)?.f_to_device(device);
        let scale = row(std.map(|std| 1.0 / (255.0 * std)))?;
        let shift = row([0, 1, 2].map(|c| -mean[c] / std[c]))?;
        Ok(Self { device, layout: Layout::of(device), scale, shift })
    }

    /// The network's input `[n, 3, side, side] f32` on the device, of the pixels `[n, side, side, 3] u8`; in memory
    /// channels-last, as those are, on the processor, and in plain order elsewhere. The caller does not wait for a GPU.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for more or fewer pixels, or when libtorch refuses.
    pub fn normalise(&self, pixels: &[u8], n: usize, side: usize) -> Result<Tensor, BackboneError> {
        let bytes = upload_u8(pixels, &[n as i64, side as i64, side as i64, 3], self.device)?;
        match self.layout {
            Layout::ChannelsLast => {
                Ok(bytes.f_to_kind(Kind::Float)?.f_mul(&self.scale)?.f_add(&self.shift)?.f_permute([0, 3, 1, 2])?)
            }
            Layout::Plain => {
                // Put into order while they are bytes, a quarter of what they become.
                let planes = self.layout.apply(&bytes.f_permute([0, 3, 1, 2])?)?;
                let of_plane = |row: &Tensor| row.f_view([3, 1, 1]);
                Ok(planes.f_mul(&of_plane(&self.scale)?)?.f_add_(&of_plane(&self.shift)?)?)
            }
        }
    }
}

impl Preprocessing {
    /// The network's input `[n, 3, side, side] f32`, channels-last, of pixels `[n, side, side, 3] u8`.
    ///
    /// # Errors
    /// As [`DeviceInput::normalise`].
    pub fn normalise(&self, pixels: &[u8], n: usize, side: usize) -> Result<Tensor, BackboneError> {
        DeviceInput::new(self, Device::Cpu)?.normalise(pixels, n, side)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::spec;

    #[test]
    fn both_orders_hold_the_same_numbers() {
        let preprocessing = &spec("mobilenet_v2").unwrap().preprocessing;
        let pixels: Vec<u8> = (0..2 * 5 * 5 * 3).map(|i| (i * 7 % 251) as u8).collect();
        let of = |layout| {
            let input = DeviceInput { layout, ..DeviceInput::new(preprocessing, Device::Cpu).unwrap() };
            input.normalise(&pixels, 2, 5).unwrap()
        };
        let (last, plain) = (of(Layout::ChannelsLast), of(Layout::Plain));
        assert!(tl_torch::is_channels_last(&last) && plain.is_contiguous());
        assert_eq!((plain.kind(), plain.size()), (Kind::Float, vec![2, 3, 5, 5]));
        assert_eq!(last, plain);
    }
}
