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
    /// Whole numbers of 16 bits, with exact sums in 32 bits, where bf16 would round: as fast as bf16 is meant to be, and
    /// nearer to f32. On processors with kernels for it only, which give the same bits on all of them.
    Int16,
    /// Weights and activations of 8 bits, sums in 32-bit integers, where bf16 would round. For V1 and V2, on processors
    /// only.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::Bf16, Self::F16, Self::Int16, Self::Int8];

    /// The fastest as a rule, for a network that stays as it is: bf16 where tiles multiply it, else int16, else f32.
    #[must_use]
    pub fn auto() -> Self {
        match Self::for_inference()[..] {
            [.., Self::Bf16] if kernels::have_tiles_for(Self::Bf16) => Self::Bf16,
            [_, second, ..] => second,
            _ => Self::F32,
        }
    }

    /// The same for a network that is trained: bf16 where the processor multiplies it by hardware, else f32.
    #[must_use]
    pub fn auto_for_training() -> Self {
        Self::for_training().pop().unwrap_or_default()
    }

    /// What this processor computes well in, for a network that stays as it is; the most exact first.
    #[must_use]
    pub fn for_inference() -> Vec<Self> {
        let has = |precision: &Self| match precision {
            Self::Bf16 => CpuCapability::detect().has_fast_bf16(),
            Self::Int16 => kernels::numbers(Self::Int16).is_some(),
            _ => true,
        };
        [Self::F32, Self::Int16, Self::Bf16].into_iter().filter(has).collect()
    }

    /// The same for a network that is trained: whole numbers have no gradients.
    #[must_use]
    pub fn for_training() -> Vec<Self> {
        Self::for_inference().into_iter().filter(|&precision| precision != Self::Int16).collect()
    }

    /// The fastest of `choices` on the calling thread: a processor's flags do not say what a hypervisor or a frequency limit
    /// makes of it. An earlier one is kept where a later one saves less than a tenth. Takes some milliseconds.
    ///
    /// # Errors
    /// [`BackboneError::Kernels`] or [`BackboneError::Torch`] for a choice that cannot be computed.
    pub fn measured(choices: &[Self]) -> Result<Self, BackboneError> {
        if let [only] = *choices {
            return Ok(only);
        }
        let (mut fastest, mut shortest) = (Self::F32, f64::INFINITY);
        for &precision in choices {
            let time = pointwise_time(precision)?.as_secs_f64();
            if time < 0.9 * shortest {
                (fastest, shortest) = (precision, time);
            }
        }
        Ok(fastest)
    }

    /// Its name: `f32`, `bf16`, `f16`, `int16`, `int8`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int16 => "int16",
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
            Self::F32 | Self::Int16 | Self::Int8 => Kind::Float,
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
