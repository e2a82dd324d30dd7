//! The pretrained classifier on top of the features.

use std::borrow::Cow;

use tl_kernels::dense;
use tl_torch::{Activation, Array};

use crate::{error::BackboneError, weights::Weights};

/// `ImageNet`'s classifier of a pretrained network: dense layers, which share the weights' memory. (V3's dropout does
/// nothing in inference and is left out.)
#[derive(Debug, Clone)]
pub struct Top(Vec<(Array, Array, Activation)>);

impl Top {
    /// That of these weights.
    ///
    /// # Errors
    /// [`BackboneError::Tensors`] for a tensor that is missing, which weights that were checked rule out.
    pub fn new(weights: &Weights) -> Result<Self, BackboneError> {
        let architecture = (weights.spec().architecture)();
        let layers = architecture.top.iter().map(|dense| {
            let get = |name: &str| weights.get(&format!("{}.{name}", dense.name)).cloned();
            Ok((get("weight")?, get("bias")?, dense.activation))
        });
        layers.collect::<Result<_, BackboneError>>().map(Self)
    }

    /// Logits `[n, n_classes]` of features `[n, n_features]`, both row by row.
    ///
    /// # Errors
    /// [`BackboneError::Kernels`] for features that make no whole rows.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, BackboneError> {
        let mut x = Cow::Borrowed(features);
        for (weight, bias, activation) in &self.0 {
            let y = dense(&x, weight.values(), bias.values())?;
            x = Cow::Owned(y.into_iter().map(|y| activation.of(y)).collect());
        }
        Ok(x.into_owned())
    }
}
