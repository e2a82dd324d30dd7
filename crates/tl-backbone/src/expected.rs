//! What `BatchNorm`'s statistics lead one to expect of a layer's outputs, before any photo is seen.

use tl_torch::{Activation, ByteScale};

use crate::{
    architecture::{ConvBn, SqueezeExcite},
    error::BackboneError,
    weights::Weights,
};

/// Mean and variance of each channel `[C]`, taking what `BatchNorm` gives for normally distributed.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    pub(crate) mean: Vec<f32>,
    variance: Vec<f32>,
    /// Standard deviations from the mean that ranges reach.
    reach: f32,
    /// What lies between the least and the most that a layer's activation is expected to let through.
    ends: Option<(f32, f32)>,
}

/// How far the range of bytes reaches: photos' activations have longer tails than a bell curve, but there are few steps.
pub(crate) const REACH: f32 = 5.0;
/// The same for 16 bits, of which there are enough for the longest tails.
pub(crate) const WIDE_REACH: f32 = 20.0;

/// The middles of 32 equally probable parts of the standard normal distribution, those above 0: its quantiles at
/// 33/64, 35/64, to 63/64.
const QUANTILES: [f32; 16] = [
    0.039_176, 0.117_770, 0.197_099, 0.277_690, 0.360_130, 0.445_097, 0.533_410, 0.626_099, 0.724_514, 0.830_511,
    0.946_782, 1.077_516, 1.229_859, 1.417_797, 1.675_94, 2.153_875,
];

impl Expected {
    /// Behind a convolution's activation; ranges are to reach so many standard deviations from the mean.
    pub(crate) fn of(weights: &Weights, conv: &ConvBn, reach: f32) -> Result<Self, BackboneError> {
        let bn = |name: &str| weights.values(&format!("{}.{name}", conv.bn));
        let channels = || Ok::<_, BackboneError>(bn("bias")?.iter().zip(bn("weight")?).map(|(b, w)| (*b, w.abs())));
        if conv.activation == Activation::None {
            let variance = channels()?.map(|(_, deviation)| deviation * deviation).collect();
            return Ok(Self { mean: bn("bias")?.to_vec(), variance, reach, ends: None });
        }
        let (mean, variance) = channels()?.map(|(mean, deviation)| behind(conv.activation, mean, deviation)).unzip();
        let highest = channels()?.map(|(mean, deviation)| conv.activation.of(mean + reach * deviation));
        let ends = (lowest(conv.activation), highest.fold(f32::NEG_INFINITY, f32::max));
        Ok(Self { mean, variance, reach, ends: Some(ends) })
    }

    /// Of the sum with what a residual block adds, taken for independent.
    pub(crate) fn plus(self, other: Option<&Self>) -> Self {
        let Some(other) = other else { return self };
        let sum = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect();
        Self { mean: sum(&self.mean, &other.mean), variance: sum(&self.variance, &other.variance), ends: None, ..self }
    }

    /// Behind squeeze and excite.
    pub(crate) fn excite(&mut self, weights: &Weights, layer: &SqueezeExcite) -> Result<(), BackboneError> {
        let linear = |name: &str, x: &[f32], activation: Activation| {
            let get = |what: &str| weights.values(&format!("{}.{name}.{what}", layer.name));
            let rows = get("weight")?.chunks_exact(x.len()).zip(get("bias")?);
            let sum = |(row, bias): (&[f32], &f32)| row.iter().zip(x).map(|(w, x)| w * x).sum::<f32>() + bias;
            Ok::<Vec<f32>, BackboneError>(rows.map(|row| activation.of(sum(row))).collect())
        };
        let squeezed = linear("fc1", &self.mean, Activation::Relu)?;
        let scales = linear("fc2", &squeezed, Activation::Hardsigmoid)?;
        self.mean.iter_mut().zip(scales).for_each(|(mean, scale)| *mean *= scale);
        Ok(())
    }

    /// Bytes for all channels.
    pub(crate) fn bytes(&self) -> ByteScale {
        let (low, high) = self.range();
        ByteScale::of_range(low.into(), high.into())
    }

    /// What the widest channel lies between. (A range for each channel cuts off more of the long tails of some and
    /// doubles the error of V1's features.)
    pub(crate) fn range(&self) -> (f32, f32) {
        if let Some(ends) = self.ends {
            return ends;
        }
        let channels =
            || self.mean.iter().zip(&self.variance).map(|(mean, variance)| (mean, self.reach * variance.sqrt()));
        let low = channels().map(|(mean, reach)| mean - reach).fold(0.0, f32::min);
        (low, channels().map(|(mean, reach)| mean + reach).fold(0.0, f32::max))
    }
}

/// The least that an activation lets through.
fn lowest(activation: Activation) -> f32 {
    match activation {
        // Of all numbers the one that comes out least.
        Activation::Hardswish => activation.of(-1.5),
        _ => 0.0,
    }
}

/// Mean and variance of the activation of numbers that are normally distributed.
fn behind(activation: Activation, mean: f32, deviation: f32) -> (f32, f32) {
    let values = QUANTILES.map(|q| [q, -q].map(|q| activation.of(mean + q * deviation)));
    let n = 2.0 * QUANTILES.len() as f32;
    let mean = values.as_flattened().iter().sum::<f32>() / n;
    let squares = values.as_flattened().iter().map(|value| (value - mean).powi(2));
    (mean, squares.sum::<f32>() / n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_bell_curve_that_nothing_cuts_mean_and_variance_stay() {
        let (mean, variance) = behind(Activation::Relu, 20.0, 1.0);
        assert!((mean - 20.0).abs() < 1e-4, "{mean}");
        // The parts' middles are a little closer together than the curve itself.
        assert!((0.95..1.0).contains(&variance), "{variance}");
    }

    #[test]
    fn relu_of_a_standard_normal_number_has_the_mean_that_calculus_gives() {
        let (mean, variance) = behind(Activation::Relu, 0.0, 1.0);
        assert!((mean - 0.3989).abs() < 5e-3, "1 / sqrt(2 pi), not {mean}");
        assert!((variance - 0.3408).abs() < 2e-2, "1/2 - 1 / (2 pi), not {variance}");
    }
}
