//! Squeeze and excite in the inference form.

use tch::{Kind, Tensor};
use tl_torch::{Activation, Engine, Linear, TorchError};

use crate::{error::BackboneError, weights::Weights};

/// Two linear layers on the channel means, and the product with the activations.
#[derive(Debug)]
pub(crate) struct Excite {
    squeeze: Linear,
    expand: Linear,
}

impl Excite {
    pub(crate) fn new(
        weights: &Weights,
        name: &str,
        kind: Kind,
        batch: i64,
        engine: Engine,
    ) -> Result<Self, BackboneError> {
        let linear = |layer: &str, activation| {
            let weight =
                weights.get(&format!("{name}.{layer}.weight"))?.to_tensor()?.f_flatten(1, -1)?.f_to_kind(kind)?;
            let bias = weights.get(&format!("{name}.{layer}.bias"))?.to_tensor()?.f_to_kind(kind)?;
            Ok::<_, BackboneError>(Linear::new(&weight, &bias, batch, activation, engine)?)
        };
        Ok(Self { squeeze: linear("fc1", Activation::Relu)?, expand: linear("fc2", Activation::Hardsigmoid)? })
    }

    /// Scales the channels of `x` `[N, C, H, W]` in place.
    pub(crate) fn forward(&self, mut x: Tensor) -> Result<Tensor, TorchError> {
        let means = x.f_mean_dim(&[2, 3][..], false, x.kind())?;
        let scales = self.expand.forward(&self.squeeze.forward(&means)?)?;
        Ok(x.f_mul_(&scales.f_unsqueeze(-1)?.f_unsqueeze(-1)?)?)
    }
}
