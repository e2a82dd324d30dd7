//! What the rows of one pair of files have in common.

use std::path::{Path, PathBuf};

use tch::Device;
use tl_backbone::{Network, Precision, Preprocessing, Weights};
use tl_data::{Fit, Geometry};
use tl_torch::{CpuCapability, libtorch_version};

use crate::cache::layout::Header;

/// To be raised whenever the same photo gives other numbers: a change to decoding, resampling, augmentation or
/// the networks.
const VERSION: u32 = 11;

/// A set of rows that were computed alike: same weights, preprocessing, arithmetic, device, version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Space {
    /// File name without its ending.
    name: String,
    pub(crate) header: Header,
}

impl Space {
    /// The space of what these weights say of photos that are seen so.
    ///
    /// Everything that could change a bit of a row is part of it, the instructions and, where it computes, the version of
    /// libtorch included, so that a cache folder may be shared by unlike machines.
    pub(crate) fn new(weights: &Weights, geometry: Geometry, precision: Precision, device: Device) -> Self {
        let Preprocessing { mean, std, .. } = &weights.spec().preprocessing;
        let arithmetic = precision.name();
        let libtorch = libtorch_version();
        let place = match device {
            Device::Cpu => match Network::instructions(precision) {
                // Not what the processor has: what the system lets it use.
                Some(instructions) => format!("own kernels in {instructions}"),
                // A processor of any kind may have none of the capabilities.
                None => format!("{} {:?}, libtorch {libtorch}", std::env::consts::ARCH, CpuCapability::detect()),
            },
            // By the folded form, in f32 without TF32; rows from before that are others.
            other => format!("{other:?}, folded, libtorch {libtorch}"),
        };
        let mut hasher = blake3::Hasher::new();
        let version = (VERSION, env!("CARGO_PKG_VERSION"));
        hasher.update(format!("{version:?} {geometry:?} {mean:?} {std:?} {arithmetic} {place}\n").as_bytes());
        // Every name, shape and value: a retrained network of the same name is another network.
        weights.arrays().for_each(|(name, array)| array.hash_into(name, &mut hasher));
        let (id, backbone) = (hasher.finalize(), weights.spec().name);
        let fit = match geometry.fit {
            Fit::Squash => "squashed".to_owned(),
            Fit::Crop { short_side } => format!("cut from {short_side}"),
        };
        let description = format!("{backbone} {arithmetic} {}x{0} {fit}", geometry.side);
        let header = Header { width: weights.spec().n_features as u32, id: *id.as_bytes(), description };
        Self { name: format!("{backbone}-{arithmetic}-{}", &id.to_hex()[..16]), header }
    }

    /// A space that was found in a folder.
    pub(crate) fn found(name: String, header: Header) -> Self {
        Self { name, header }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn keys(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.tlkeys", self.name))
    }

    pub(crate) fn rows(&self, folder: &Path) -> PathBuf {
        folder.join(format!("{}.tlrows", self.name))
    }
}
