//! The network that features are of.

use std::path::Path;

use anyhow::{Result, bail};
use tl_backbone::Weights;
use tl_data::Geometry;
use tl_model::Bundle;

use crate::{
    args::GlobalArgs,
    assets,
    model::{self, backbone},
};

/// What computes the features.
pub(super) struct Network {
    pub(super) weights: Weights,
    pub(super) geometry: Geometry,
    /// The backbone, and the weights' hash where they are not its pretrained ones.
    pub(super) name: String,
}

impl Network {
    /// A pretrained one, or that of a model.
    pub(super) fn named(name: &str, global: &GlobalArgs) -> Result<Self> {
        let path = Path::new(name);
        if !path.exists() {
            if name.contains(['/', '\\']) || name.ends_with(".safetensors") {
                bail!(
                    "there is no model at {name}; give a run's folder, its model.safetensors, or a network such as v1"
                );
            }
            let weights = assets::weights(global, backbone(name)?)?;
            let spec = weights.spec();
            return Ok(Self { geometry: spec.preprocessing.geometry, name: spec.name.to_owned(), weights });
        }
        let Bundle { weights, preprocessing, provenance, .. } = Bundle::open(&model::file(path))?;
        let name = match provenance.tuned_weights_sha256 {
            Some(hash) => format!("{} tuned {}", weights.spec().name, hash.get(..16).unwrap_or(&hash)),
            None => weights.spec().name.to_owned(),
        };
        Ok(Self { geometry: preprocessing.geometry, name, weights })
    }
}
