//! From bytes to the network's input.

use tch::{Device, Kind, Tensor};
use tl_torch::{empty_channels_last, f32_mut};

use crate::{error::BackboneError, preprocessing::Preprocessing};

/// Normalises pictures into a buffer that is used again and again.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: Option<Tensor>,
    side: usize,
    mean: [f32; 3],
    /// Whether pictures are turned by 180 degrees, see [`crate::fold`].
    turned: bool,
}

impl Input {
    pub(crate) fn new(side: usize, preprocessing: &Preprocessing, turned: bool) -> Self {
        Self { buffer: None, side, mean: preprocessing.byte_mean(), turned }
    }

    /// `[n, 3, side, side]`, channels-last, of pixels `[n, side, side, 3] u8`. Overwritten by the next call.
    pub(crate) fn fill(&mut self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let picture = self.side * self.side * 3;
        if pixels.len() != n * picture || n == 0 {
            return Err(BackboneError::Pixels { n, side: self.side, wanted: n * picture, found: pixels.len() });
        }
        let mut buffer = match self.buffer.take() {
            Some(buffer) if buffer.size()[0] == n as i64 => buffer,
            _ => self.new_buffer(n)?,
        };
        self.normalise(pixels, f32_mut(&mut buffer)?);
        self.buffer = Some(buffer.shallow_clone());
        Ok(buffer)
    }

    fn new_buffer(&self, n: usize) -> Result<Tensor, BackboneError> {
        let side = self.side as i64;
        Ok(empty_channels_last([n as i64, 3, side, side], Kind::Float, Device::Cpu)?)
    }

    fn normalise(&self, pixels: &[u8], out: &mut [f32]) {
        let picture = self.side * self.side * 3;
        for (pixels, out) in pixels.chunks_exact(picture).zip(out.chunks_exact_mut(picture)) {
            if self.turned {
                self.pixels(pixels.rchunks_exact(3), out);
            } else {
                self.pixels(pixels.chunks_exact(3), out);
            }
        }
    }

    fn pixels<'a>(&self, pixels: impl Iterator<Item = &'a [u8]>, out: &mut [f32]) {
        let mean = self.mean;
        for (pixel, out) in pixels.zip(out.chunks_exact_mut(3)) {
            out[0] = f32::from(pixel[0]) - mean[0];
            out[1] = f32::from(pixel[1]) - mean[1];
            out[2] = f32::from(pixel[2]) - mean[2];
        }
    }
}
