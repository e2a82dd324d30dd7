//! The table of networks: what belongs to each set of weights.

use tl_data::Geometry;
use tl_torch::CpuCapability;

use crate::{
    architecture::Architecture, error::BackboneError, mobilenet_v1::mobilenet_v1, mobilenet_v2::mobilenet_v2,
    mobilenet_v3::mobilenet_v3_small, network::Network, precision::Precision, preprocessing::Preprocessing,
};

/// A pretrained network.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Spec {
    /// Its name, as users type it.
    pub name: &'static str,
    /// Its weight file in the folder of weights.
    pub file: &'static str,
    /// Width of its features.
    pub n_features: usize,
    /// Classes of its own top.
    pub n_classes: usize,
    /// Numbers learnt by gradient, the top's included.
    pub n_parameters: usize,
    /// How photos become its input.
    pub preprocessing: Preprocessing,
    /// Licence and origin of the weights.
    pub licence: &'static str,
    /// SHA-256 of the weight file, in hexadecimal.
    pub sha256: &'static str,
    pub(crate) architecture: fn() -> Architecture,
}

impl Spec {
    /// Whether the inference form can compute in [`Precision::Int8`].
    #[must_use]
    pub fn has_int8(&self) -> bool {
        (self.architecture)().has_int8()
    }

    /// In what the inference form computes on this processor, less what it would be many times slower in.
    #[must_use]
    pub fn precisions(&self) -> Vec<Precision> {
        let has = |precision: &Precision| match precision {
            Precision::F32 => true,
            Precision::Bf16 => CpuCapability::detect().has_onednn_bf16(),
            Precision::F16 => false,
            Precision::Int16 => Network::has_kernels(Precision::Int16),
            Precision::Int8 => self.has_int8(),
        };
        Precision::ALL.into_iter().filter(has).collect()
    }
}

const IMAGENET_MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const IMAGENET_STD: [f32; 3] = [0.229, 0.224, 0.225];
/// Best for all three: short side 256, then the central 224 x 224.
const CROP_224: Geometry = Geometry::crop(256, 224);

static REGISTRY: [Spec; 3] = [
    Spec {
        name: "mobilenet_v1",
        file: "mobilenet_v1.safetensors",
        n_features: 1024,
        n_classes: 1000,
        n_parameters: 4_231_976,
        preprocessing: Preprocessing { geometry: CROP_224, mean: [0.5; 3], std: [0.5; 3] },
        licence: "Apache-2.0 (TensorFlow models), the numbers that Keras uses",
        sha256: "7eb81e5cae2122ad7725c7283cec6cb3b2e0505e7f284135d7a43ec82ea032f8",
        architecture: mobilenet_v1,
    },
    Spec {
        name: "mobilenet_v2",
        file: "mobilenet_v2.safetensors",
        n_features: 1280,
        n_classes: 1000,
        n_parameters: 3_504_872,
        preprocessing: Preprocessing { geometry: CROP_224, mean: IMAGENET_MEAN, std: IMAGENET_STD },
        licence: "BSD-3-Clause (torchvision, IMAGENET1K_V1)",
        sha256: "f06dd918aa42cfca892ca58934c292c67f663de25ea0a6c7b62b6ae87f8ac22d",
        architecture: mobilenet_v2,
    },
    Spec {
        name: "mobilenet_v3_small",
        file: "mobilenet_v3_small.safetensors",
        n_features: 576,
        n_classes: 1000,
        n_parameters: 2_542_856,
        preprocessing: Preprocessing { geometry: CROP_224, mean: IMAGENET_MEAN, std: IMAGENET_STD },
        licence: "BSD-3-Clause (torchvision, IMAGENET1K_V1)",
        sha256: "63c44305ed042e537c5ffd937e39bf79787e823548aa9e0663086e886aa3f2a7",
        architecture: mobilenet_v3_small,
    },
];

/// All networks; the first is the default.
#[must_use]
pub fn registry() -> &'static [Spec] {
    &REGISTRY
}

/// The network of this name.
///
/// # Errors
/// [`BackboneError::Unknown`] where there is none.
pub fn spec(name: &str) -> Result<&'static Spec, BackboneError> {
    REGISTRY.iter().find(|spec| spec.name == name).ok_or_else(|| BackboneError::Unknown {
        name: name.to_owned(),
        known: REGISTRY.iter().map(|spec| spec.name).collect::<Vec<_>>().join(", "),
    })
}
