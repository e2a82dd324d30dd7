//! `data/manifest.toml`: what can be fetched, from where, and the hashes that it must have.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::archive::Picks;
use crate::convert::Format;

/// The whole manifest.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this file's format: 1.
    pub format: u32,
    /// The C++ library of PyTorch.
    pub libtorch: Libtorch,
    /// Pretrained networks by name.
    pub weights: BTreeMap<String, Weights>,
    /// Sample photos by name.
    pub samples: BTreeMap<String, Sample>,
}

/// The parts that libtorch is assembled from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Libtorch {
    /// The text of `build-version`.
    pub version: String,
    /// Symbolic links in the folder: name to target.
    pub links: BTreeMap<String, String>,
    /// The archives that the parts come from.
    pub archive: Vec<Archive>,
}

/// An archive of which some members are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Where it can be had, in the order of trying.
    pub source: Vec<Source>,
    /// The members to keep.
    pub pick: Picks,
    /// The sha256 of what is kept, by file or folder (with a slash at its end).
    pub sha256: BTreeMap<String, String>,
}

/// A pretrained network's weights.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Fetched when nothing is named.
    #[serde(default)]
    pub default: bool,
    /// The sha256 of the converted safetensors file.
    pub sha256: String,
    /// The licence under which the package publishes them.
    pub licence: String,
    /// What the published file is.
    pub format: Format,
    /// Where it can be had, in the order of trying.
    pub source: Vec<Source>,
}

/// A folder of sample photos.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Fetched when nothing is named.
    #[serde(default)]
    pub default: bool,
    /// The sha256 of the unpacked folder, see [`crate::hash::sha256`].
    pub sha256: String,
    /// What a user has to know about the licence.
    pub notice: String,
    /// The members to keep.
    pub pick: Picks,
    /// Where it can be had, in the order of trying.
    pub source: Vec<Source>,
}

/// One place of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Source {
    /// The address that the authors publish.
    Upstream(Upstream),
    /// A file of the package index.
    Index(Package),
}

/// A file by its address.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// The address.
    pub url: String,
}

/// A wheel or a source distribution of the package index, or a member of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// The project's name.
    pub project: String,
    /// The file's name, which says its version.
    pub file: String,
    /// The sha256 of the file, checked where the whole file is read.
    pub sha256: String,
    /// The member that is meant, if it is not the file itself.
    pub member: Option<String>,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Source::Upstream(upstream) => f.write_str(&upstream.url),
            Source::Index(package) => write!(f, "package index, {}", package.file),
        }
    }
}

impl Manifest {
    /// Reads the manifest and checks that it can be used.
    ///
    /// # Errors
    /// A file that cannot be read; and as [`Manifest::parse`].
    pub fn read(path: &Path) -> Result<Manifest> {
        let text = fs_err::read_to_string(path)?;
        Manifest::parse(&text).with_context(|| format!("{} is not usable", path.display()))
    }

    /// Reads the text of a manifest.
    ///
    /// # Errors
    /// A text that is no manifest, is of another format, or has a hash that is none.
    pub fn parse(text: &str) -> Result<Manifest> {
        let manifest: Manifest = toml::from_str(text)?;
        ensure!(manifest.format == 1, "its format is {}, this program knows 1", manifest.format);
        for sha256 in manifest.hashes() {
            let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            ensure!(is_hash, "{sha256:?} is no sha256 in lower-case hexadecimal digits");
        }
        Ok(manifest)
    }

    fn hashes(&self) -> impl Iterator<Item = &String> {
        let libtorch = self.libtorch.archive.iter().flat_map(|archive| archive.sha256.values());
        let weights = self.weights.values().map(|weights| &weights.sha256);
        let samples = self.samples.values().map(|sample| &sample.sha256);
        libtorch.chain(weights).chain(samples)
    }
}
