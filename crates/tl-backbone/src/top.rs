//! The pretrained classifier on top of the features.

use tch::{Kind, Tensor};
use tl_torch::{Activation, Array};

use crate::{architecture::Architecture, error::BackboneError, weights::Weights};

/// The top's dense layers. They share the weights' memory: a network that is only asked for features does
/// not pay for them. (V3's dropout does nothing in inference and is left out.)
#[derive(Debug)]
pub(crate) struct Top(Vec<(Array, Array, Activation)>);

impl Top {
    pub(crate) fn new(weights: &Weights, architecture: &Architecture) -> Result<Self, BackboneError> {
        let layers = architecture.top.iter().map(|dense| {
            let get = |name: &str| weights.get(&format!("{}.{name}", dense.name)).cloned();
            Ok((get("weight")?, get("bias")?, dense.activation))
        });
        layers.collect::<Result<_, BackboneError>>().map(Self)
    }

    /// Logits `[n, n_classes] f32` of features `[n, n_features]`.
    pub(crate) fn forward(&self, features: &Tensor) -> Result<Tensor, BackboneError> {
        let mut x = features.f_to_kind(Kind::Float)?;
        for (weight, bias, activation) in &self.0 {
            x = activation.apply(&x.f_linear(&weight.to_tensor()?, Some(&bias.to_tensor()?))?)?;
        }
        Ok(x)
    }
}
