//! The dense stack for autograd.

use std::collections::BTreeMap;

use tch::{Device, Kind, Tensor};
use tl_torch::Array;

use crate::{
    config::HeadConfig,
    error::HeadError,
    head::{Head, layers_of, named},
};

/// A [`Head`] of tensors, on any device: fine-tuning moves it with the backbone.
#[derive(Debug)]
pub struct TensorHead {
    config: HeadConfig,
    /// Weight and bias of each.
    layers: Vec<[Tensor; 2]>,
}

impl TensorHead {
    /// A head's numbers, copied.
    ///
    /// # Errors
    /// [`HeadError::Torch`] when libtorch refuses, as where memory is full.
    pub fn of(head: &Head) -> Result<Self, HeadError> {
        let tensor = |(name, array): (String, &Array)| Ok((name, array.to_tensor()?));
        Self::from_tensors(head.config(), head.parameters().into_iter().map(tensor).collect::<Result<_, HeadError>>()?)
    }

    /// Its numbers as they are now, copied.
    ///
    /// # Errors
    /// As [`TensorHead::of`].
    pub fn to_head(&self) -> Result<Head, HeadError> {
        Head::from_tensors(&self.config, self.parameters())
    }

    /// A head from saved parameters.
    ///
    /// The tensors are converted to f32 where they are not, and taken without a copy where they are.
    ///
    /// # Errors
    /// As [`Head::from_arrays`], and [`HeadError::Torch`] for a tensor that cannot be converted.
    pub fn from_tensors(config: &HeadConfig, tensors: BTreeMap<String, Tensor>) -> Result<Self, HeadError> {
        let shape = |tensor: &Tensor| tensor.size().into_iter().map(|side| side as usize).collect();
        let plain = |tensor: Tensor| Ok::<_, HeadError>(tensor.f_detach()?.f_to_kind(Kind::Float)?.f_contiguous()?);
        let layers = layers_of(config, tensors, shape)?.into_iter();
        let layers =
            layers.map(|[weight, bias]| Ok([plain(weight)?, plain(bias)?])).collect::<Result<_, HeadError>>()?;
        Ok(Self { config: config.clone(), layers })
    }

    /// The same head on `device`: there already, it shares its numbers with this one.
    ///
    /// # Errors
    /// [`HeadError::Torch`] for a device that is not there, or has no room.
    pub fn to_device(&self, device: Device) -> Result<Self, HeadError> {
        let moved = |(name, tensor): (String, &Tensor)| Ok((name, tensor.f_detach()?.f_to_device(device)?));
        Self::from_tensors(&self.config, self.parameters().into_iter().map(moved).collect::<Result<_, HeadError>>()?)
    }

    /// Logits `[N, n_classes] f32` of features `[N, n_features] f32`.
    ///
    /// # Errors
    /// [`HeadError::Shape`] for features of another width, [`HeadError::Torch`] for such of another kind or device.
    pub fn forward(&self, features: &Tensor) -> Result<Tensor, HeadError> {
        self.check_features(features)?;
        let mut x = features.shallow_clone();
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            if i > 0 {
                x = x.f_relu_()?;
            }
            x = x.f_linear(weight, Some(bias))?;
        }
        Ok(x)
    }

    /// The sizes it was made with.
    #[must_use]
    pub fn config(&self) -> &HeadConfig {
        &self.config
    }

    /// Every parameter with its name, from input to output.
    #[must_use]
    pub fn parameters(&self) -> Vec<(String, &Tensor)> {
        named(&self.layers)
    }

    /// The parameters as an optimizer takes them: handles to the head's own tensors, with gradients asked for.
    #[must_use]
    pub fn trainable(&self) -> Vec<(String, Tensor)> {
        let handle = |(name, tensor): (String, &Tensor)| (name, tensor.set_requires_grad(true));
        self.parameters().into_iter().map(handle).collect()
    }

    fn check_features(&self, features: &Tensor) -> Result<(), HeadError> {
        let found = features.size();
        if found.len() == 2 && found[1] == self.config.n_features as i64 {
            return Ok(());
        }
        Err(HeadError::Shape { what: "features", expected: format!("[N, {}]", self.config.n_features), found })
    }
}
