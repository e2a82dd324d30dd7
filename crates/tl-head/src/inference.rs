//! The inference form of a head.

use std::{borrow::Cow, collections::BTreeMap};

use tl_kernels::dense;
use tl_torch::Array;

use crate::{
    config::HeadConfig,
    error::HeadError,
    head::{Head, bias_name, check_parameters, weight_name},
};

/// A dense stack that only answers, on one thread and without libtorch: a program that just predicts need not load it.
#[derive(Debug, Clone)]
pub struct InferenceHead {
    config: HeadConfig,
    /// Weight `[outputs, inputs]` and bias `[outputs]`.
    layers: Vec<[Array; 2]>,
}

impl InferenceHead {
    /// A head from saved parameters, named as [`Head`]'s; all that is missing, unexpected or of another shape is listed.
    pub fn from_arrays(config: &HeadConfig, mut arrays: BTreeMap<String, Array>) -> Result<Self, HeadError> {
        config.check()?;
        check_parameters(config, &arrays.iter().map(|(name, array)| (name.clone(), array.shape().to_vec())).collect())?;
        let layers = (0..=config.hidden.len()).filter_map(|i| {
            // The check above saw every name.
            Some([arrays.remove(&weight_name(i))?, arrays.remove(&bias_name(i))?])
        });
        Ok(Self { config: config.clone(), layers: layers.collect() })
    }

    /// A copy of a head as it is now.
    pub fn of(head: &Head) -> Result<Self, HeadError> {
        let copy = |(name, tensor)| Ok((name, Array::of_tensor(tensor)?));
        Self::from_arrays(head.config(), head.parameters().into_iter().map(copy).collect::<Result<_, HeadError>>()?)
    }

    /// Logits `[N, n_classes]` of features `[N, n_features]`, both row by row; those of [`Head::forward`] but for
    /// rounding, and the same for a row whatever rows are beside it.
    pub fn logits(&self, features: &[f32]) -> Result<Vec<f32>, HeadError> {
        let width = self.config.n_features;
        if !features.len().is_multiple_of(width) {
            let found = vec![features.len() as i64];
            return Err(HeadError::Shape { what: "features", expected: format!("[N, {width}]"), found });
        }
        let mut x = Cow::Borrowed(features);
        for (i, [weight, bias]) in self.layers.iter().enumerate() {
            let mut y = dense(&x, weight.values(), bias.values())?;
            if i + 1 < self.layers.len() {
                // Not `max`, which would hide that a number is none.
                y.iter_mut().filter(|y| **y < 0.0).for_each(|y| *y = 0.0);
            }
            x = Cow::Owned(y);
        }
        Ok(x.into_owned())
    }
}
