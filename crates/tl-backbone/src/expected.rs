//! What `BatchNorm`'s statistics lead one to expect of a layer's outputs, before any photo is seen.

use tch::{Kind, Tensor};
use tl_torch::{Activation, ByteScale, TorchError};

use crate::{architecture::ConvBn, error::BackboneError, excite::Excite, weights::Weights};

/// Mean and variance of each channel `[C]`, taking what `BatchNorm` gives for normally distributed.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) mean: Tensor,
    variance: Tensor,
    /// Largest output of a layer whose activation lets nothing below 0 through.
    ceiling: Option<f64>,
}

/// Standard deviations from the mean that a range reaches: photos' activations have longer tails than a bell curve.
const REACH: f64 = 5.0;

impl Clone for Expected {
    fn clone(&self) -> Self {
        Self { mean: self.mean.shallow_clone(), variance: self.variance.shallow_clone(), ceiling: self.ceiling }
    }
}

impl Expected {
    /// Behind a convolution's activation.
    pub(crate) fn of(weights: &Weights, conv: &ConvBn) -> Result<Self, BackboneError> {
        let bn = |name: &str| weights.get(&format!("{}.{name}", conv.bn));
        let (mean, deviation) = (bn("bias")?, bn("weight")?.f_abs()?);
        if conv.activation == Activation::None {
            return Ok(Self { mean: mean.shallow_clone(), variance: deviation.f_square()?, ceiling: None });
        }
        let reached = deviation.f_mul_scalar(REACH)?.f_add(mean)?;
        let values = deviation.f_unsqueeze(1)?.f_mul(&quantiles()?)?.f_add(&mean.f_unsqueeze(1)?)?;
        let values = conv.activation.apply(&values)?;
        let mean = values.f_mean_dim(&[1][..], true, Kind::Float)?;
        let variance = values.f_sub(&mean)?.f_square()?.f_mean_dim(&[1][..], false, Kind::Float)?;
        let ceiling = conv.activation.apply(&reached)?.f_max()?.f_double_value(&[])?;
        Ok(Self { mean: mean.f_view([-1])?, variance, ceiling: Some(ceiling) })
    }

    /// Of the sum with what a residual block adds, taken for independent.
    pub(crate) fn plus(self, other: Option<&Self>) -> Result<Self, BackboneError> {
        Ok(match other {
            None => self,
            Some(other) => Self {
                mean: self.mean.f_add(&other.mean)?,
                variance: self.variance.f_add(&other.variance)?,
                ceiling: None,
            },
        })
    }

    /// Behind squeeze and excite, which computes in `kind`.
    pub(crate) fn excite(&mut self, excite: &Excite, kind: Kind) -> Result<(), BackboneError> {
        let picture = self.mean.f_to_kind(kind)?.f_view([1, -1, 1, 1])?;
        self.mean = excite.forward(picture)?.f_flatten(0, -1)?.f_to_kind(Kind::Float)?;
        Ok(())
    }

    /// Bytes for all channels.
    pub(crate) fn bytes(&self) -> Result<ByteScale, BackboneError> {
        let (low, high) = self.range()?;
        Ok(ByteScale::of_range(low, high))
    }

    /// What the widest channel lies between. (A range for each channel cuts off more of the long tails of some and
    /// doubles the error of V1's features.)
    pub(crate) fn range(&self) -> Result<(f64, f64), BackboneError> {
        if let Some(ceiling) = self.ceiling {
            return Ok((0.0, ceiling));
        }
        let reach = self.variance.f_sqrt()?.f_mul_scalar(REACH)?;
        let low = self.mean.f_sub(&reach)?.f_min()?.f_double_value(&[])?;
        let high = self.mean.f_add(&reach)?.f_max()?.f_double_value(&[])?;
        Ok((low.min(0.0), high.max(0.0)))
    }
}

/// The middles of equally probable parts of the standard normal distribution: `[1, N]`.
fn quantiles() -> Result<Tensor, TorchError> {
    const N: f64 = 32.0;
    let middles = Tensor::f_arange_start_step(0.5, N, 1.0, (Kind::Float, tch::Device::Cpu))?.f_div_scalar(N)?;
    Ok(middles.f_special_ndtri()?.f_unsqueeze(0)?)
}
