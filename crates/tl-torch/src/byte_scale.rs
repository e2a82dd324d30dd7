//! Numbers as bytes.

use tch::{Device, Kind, Tensor};

use crate::{
    convert::{f32_slice, values_mut},
    error::TorchError,
    ffi::RawByteScale,
};

/// How bytes stand for numbers: `scale * (byte - zero)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByteScale {
    scale: f64,
    zero: i64,
}

impl ByteScale {
    /// 255 equal steps from `low` to `high`, moved so that 0 is a byte of its own: it pads pictures. The range is
    /// widened to hold 0.
    #[must_use]
    pub fn of_range(low: f64, high: f64) -> Self {
        let (low, high) = (low.min(0.0), high.max(f64::MIN_POSITIVE));
        let scale = (high - low) / 255.0;
        Self { scale, zero: (-low / scale).round() as i64 }
    }

    /// The nearest bytes `u8` of numbers `f32` on the CPU, in their order in memory; what is out of range becomes its
    /// end.
    ///
    /// # Errors
    /// [`TorchError::NotDense`] for any other tensor, or one with gaps.
    pub fn encode(self, x: &Tensor) -> Result<Tensor, TorchError> {
        let mut bytes = Tensor::f_empty_strided(&x.size()[..], &x.stride()[..], (Kind::Uint8, Device::Cpu))?;
        let (factor, shift) = (self.scale.recip() as f32, self.zero as f32 + 0.5);
        for (byte, number) in values_mut(&mut bytes, Kind::Uint8)?.iter_mut().zip(f32_slice(x)?) {
            *byte = (number * factor + shift) as u8;
        }
        Ok(bytes)
    }

    /// The numbers `f32` of bytes.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn decode(self, bytes: &Tensor) -> Result<Tensor, TorchError> {
        Ok(bytes.f_to_kind(Kind::Float)?.f_sub_scalar(self.zero)?.f_mul_scalar(self.scale)?)
    }

    pub(crate) fn raw(this: Option<Self>) -> RawByteScale {
        this.map_or(RawByteScale { scale: 0.0, zero: 0 }, |Self { scale, zero }| RawByteScale { scale, zero })
    }
}
