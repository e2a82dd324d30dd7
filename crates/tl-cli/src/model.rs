//! MODEL on the command line: a bundle's file, a run's folder, or `imagenet:BACKBONE`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use tl_backbone::{Spec, spec};
use tl_model::{Classifier, PredictOptions};

use crate::{args::GlobalArgs, assets, device, photo_args::PhotoArgs, precision};

/// What MODEL names.
pub(crate) enum Named {
    /// A bundle's file.
    Bundle(PathBuf),
    /// A pretrained network with its own classes.
    ImageNet(&'static Spec),
}

impl Named {
    /// Reads MODEL. A run's folder stands for the model in it.
    pub(crate) fn parse(text: &Path) -> Result<Self> {
        if let Some(name) = text.to_str().and_then(|t| t.strip_prefix("imagenet:")) {
            return Ok(Self::ImageNet(backbone(name)?));
        }
        Ok(Self::Bundle(file(text)))
    }

    /// Whether the classes are ImageNet's.
    pub(crate) fn is_imagenet(&self) -> bool {
        matches!(self, Self::ImageNet(_))
    }

    /// Opens it for prediction; `verify` checks that it is what was saved, or published.
    pub(crate) fn classifier(&self, global: &GlobalArgs, verify: bool) -> Result<Classifier> {
        Ok(match self {
            Self::Bundle(path) if verify => Classifier::open_verified(path)?,
            Self::Bundle(path) => Classifier::open(path)?,
            Self::ImageNet(spec) => {
                let weights = assets::weights(global, spec)?;
                if verify {
                    assets::verify(global, spec)?;
                }
                Classifier::imagenet(weights)
            }
        })
    }
}

/// The file of a model: a run's folder stands for the model in it.
pub(crate) fn file(path: &Path) -> PathBuf {
    let inside = path.join("model.safetensors");
    if inside.is_file() { inside } else { path.to_owned() }
}

/// A backbone by its name, or by what is left of it without `mobilenet_`.
pub(crate) fn backbone(name: &str) -> Result<&'static Spec> {
    Ok(spec(&format!("mobilenet_{name}")).or_else(|_| spec(name))?)
}

/// How photos are read, as the flags say, and for a model in the arithmetic that it wants.
pub(crate) fn predict_options(global: &GlobalArgs, photos: &PhotoArgs, model: &Classifier) -> Result<PredictOptions> {
    let device = device::frozen(global)?;
    Ok(PredictOptions {
        n_threads: global.threads.unwrap_or(0),
        precision: Some(precision::of_model(global, model, device)),
        device,
        decode: photos.decode(),
        cache: None,
    })
}
