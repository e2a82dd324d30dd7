//! The arithmetic of the inference form.

use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};
use tl_torch::{Activation, Conv, ConvOptions, CpuCapability, channels_last};

use crate::{error::BackboneError, kernels};

/// In which numbers a network computes; features are f32 in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// 32-bit floats.
    #[default]
    F32,
    /// Weights and activations of 16 bits with the range of f32 and 8 bits of precision, sums in f32. What can least
    /// bear rounding stays in f32: the kernels of `tl-kernels` round nothing but what goes into pointwise convolutions,
    /// oneDNN's everything behind the first two or three layers.
    Bf16,
    /// Weights and activations of 16 bits with 11 bits of precision, up to 65504. On GPUs only.
    F16,
    /// Weights and activations of 8 bits, sums in 32-bit integers, where bf16 would round. For V1 and V2, on processors
    /// only.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::F32, Self::Bf16, Self::F16, Self::Int8];

    /// bf16 where the processor multiplies it by hardware, else f32.
    #[must_use]
    pub fn auto() -> Self {
        if CpuCapability::detect().has_fast_bf16() { Self::Bf16 } else { Self::F32 }
    }

    /// The faster of the two on the calling thread, where the processor has bf16 at all: its flags do not say what a
    /// hypervisor or a frequency limit makes of it. Takes some milliseconds.
    pub fn measured() -> Result<Self, BackboneError> {
        if Self::auto() == Self::F32 {
            return Ok(Self::F32);
        }
        let is_faster = pointwise_time(Self::Bf16)? < pointwise_time(Self::F32)?;
        Ok(if is_faster { Self::Bf16 } else { Self::F32 })
    }

    /// Its name: `f32`, `bf16`, `f16`, `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int8 => "int8",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }

    /// Of numbers that are not bytes.
    #[must_use]
    pub fn kind(self) -> Kind {
        match self {
            Self::F32 | Self::Int8 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
            Self::F16 => Kind::Half,
        }
    }
}

/// The shortest of a few runs of one of V1's middle layers: such layers are where its time goes.
fn pointwise_time(precision: Precision) -> Result<Duration, BackboneError> {
    let mut run = match kernels::numbers(precision) {
        Some(numbers) => kernels::middle_layer(numbers)?,
        None => middle_layer(precision)?,
    };
    let mut shortest = Duration::MAX;
    for _ in 0..4 {
        let start = Instant::now();
        run()?;
        shortest = shortest.min(start.elapsed());
    }
    Ok(shortest)
}

/// The layer on libtorch, for one photo.
fn middle_layer(precision: Precision) -> Result<kernels::Run, BackboneError> {
    const SHAPE: [i64; 4] = [1, 512, 14, 14];
    let zeros = |shape: &[i64], kind| Tensor::f_zeros(shape, (kind, Device::Cpu));
    let (weight, bias) = (zeros(&[512, 512, 1, 1], precision.kind())?, zeros(&[512], Kind::Float)?);
    let options = ConvOptions { activation: Activation::Relu6, ..ConvOptions::default() };
    let conv = Conv::new(&weight, &bias, SHAPE, &options)?;
    let input = channels_last(&zeros(&SHAPE, precision.kind())?)?;
    Ok(Box::new(move || {
        drop(conv.forward(&input)?);
        Ok(())
    }))
}
