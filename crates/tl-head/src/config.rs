//! The shape of a head.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::HeadError;

/// Sizes of a head's layers; it travels in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// Width of the features that come in.
    pub n_features: usize,
    /// Widths of the hidden layers, each followed by relu; none for a linear head.
    pub hidden: Vec<usize>,
    /// Classes, one logit each.
    pub n_classes: usize,
}

impl HeadConfig {
    /// One layer from features to logits.
    #[must_use]
    pub fn linear(n_features: usize, n_classes: usize) -> Self {
        Self { n_features, hidden: Vec::new(), n_classes }
    }

    /// The stack of the notebook that `tl` comes from: hidden layers of 1024, 1024 and 512.
    #[must_use]
    pub fn notebook(n_features: usize, n_classes: usize) -> Self {
        Self { n_features, hidden: vec![1024, 1024, 512], n_classes }
    }

    /// `(inputs, outputs)` of each layer, in order.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let inputs = std::iter::once(self.n_features).chain(self.hidden.iter().copied());
        let outputs = self.hidden.iter().copied().chain(std::iter::once(self.n_classes));
        inputs.zip(outputs)
    }

    /// Weights and biases together.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.layers().map(|(inputs, outputs)| inputs * outputs + outputs).sum()
    }

    /// Whether every layer has something to take and to give, and libtorch can count its weights.
    pub(crate) fn check(&self) -> Result<(), HeadError> {
        let error = |problem| Err(HeadError::Config { config: self.to_string(), problem });
        if self.layers().any(|(inputs, outputs)| inputs == 0 || outputs == 0) {
            return error("every size must be at least 1");
        }
        let fits = |(inputs, outputs): (usize, usize)| inputs.checked_mul(outputs).is_some_and(|n| n <= MAX_WEIGHTS);
        if !self.layers().all(fits) {
            return error("a layer may have at most 2^31 weights");
        }
        Ok(())
    }
}

/// A bound against nonsense in a file's header, far above any head of use.
const MAX_WEIGHTS: usize = 1 << 31;

/// The sizes from input to output, as in `1024-1024-512-3`.
impl fmt::Display for HeadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.n_features)?;
        self.hidden.iter().try_for_each(|n| write!(f, "-{n}"))?;
        write!(f, "-{}", self.n_classes)
    }
}
