//! From bytes to the network's input.

use tch::{Device, Kind, Tensor};
use tl_torch::{bf16_mut, empty_channels_last, f32_mut};

use crate::{error::BackboneError, precision::Precision, preprocessing::Preprocessing, round::bf16_bits};

/// Normalises pictures into a buffer that is used again and again.
#[derive(Debug)]
pub(crate) struct Input {
    buffer: Option<Tensor>,
    side: usize,
    precision: Precision,
    mean: [f32; 3],
    /// Whether pictures are turned by 180 degrees, see [`crate::fold`].
    turned: bool,
}

impl Input {
    pub(crate) fn new(side: usize, preprocessing: &Preprocessing, precision: Precision, turned: bool) -> Self {
        Self { buffer: None, side, precision, mean: preprocessing.byte_mean(), turned }
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
        match self.precision {
            Precision::F32 => self.normalise(pixels, f32_mut(&mut buffer)?, |x| x),
            Precision::Bf16 => self.normalise(pixels, bf16_mut(&mut buffer)?, bf16_bits),
        }
        self.buffer = Some(buffer.shallow_clone());
        Ok(buffer)
    }

    fn new_buffer(&self, n: usize) -> Result<Tensor, BackboneError> {
        let kind = match self.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        let side = self.side as i64;
        Ok(empty_channels_last([n as i64, 3, side, side], kind, Device::Cpu)?)
    }

    fn normalise<T>(&self, pixels: &[u8], out: &mut [T], round: impl Fn(f32) -> T + Copy) {
        let picture = self.side * self.side * 3;
        for (pixels, out) in pixels.chunks_exact(picture).zip(out.chunks_exact_mut(picture)) {
            if self.turned {
                self.pixels(pixels.rchunks_exact(3), out, round);
            } else {
                self.pixels(pixels.chunks_exact(3), out, round);
            }
        }
    }

    fn pixels<'a, T>(&self, pixels: impl Iterator<Item = &'a [u8]>, out: &mut [T], round: impl Fn(f32) -> T) {
        let mean = self.mean;
        for (pixel, out) in pixels.zip(out.chunks_exact_mut(3)) {
            out[0] = round(f32::from(pixel[0]) - mean[0]);
            out[1] = round(f32::from(pixel[1]) - mean[1]);
            out[2] = round(f32::from(pixel[2]) - mean[2]);
        }
    }
}
