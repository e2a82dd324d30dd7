//! The bundle and its file.

use std::{collections::BTreeMap, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use tch::Tensor;
use tl_backbone::{Preprocessing, Weights, spec};
use tl_head::{Head, HeadConfig};

use crate::{
    archive::Archive,
    error::ModelError,
    golden::{self, GoldenFeatures},
    provenance::Provenance,
};

/// The newest format of bundles that this version reads.
///
/// Format 2 has several classes per photo; other bundles are still written in format 1, which every version reads.
pub const FORMAT_VERSION: u32 = 2;

const FORMAT: &str = "tl-bundle";

/// A trained classifier with all it needs to run.
#[derive(Debug)]
pub struct Bundle {
    /// The backbone's weights, as they were pretrained.
    pub weights: Weights,
    /// The trained head.
    pub head: Head,
    /// Class names; position is label.
    pub classes: Vec<String>,
    /// Whether a photo may have several classes, or none: each then has a probability of its own.
    pub multi_label: bool,
    /// How photos become input: predicting takes no flags for it.
    pub preprocessing: Preprocessing,
    /// Temperature of softmax (or sigmoid) that calibrates the probabilities; 1 leaves them alone.
    pub temperature: f64,
    /// Where the model came from.
    pub provenance: Provenance,
}

impl Bundle {
    /// Writes the bundle through a temporary sibling, with its answers on the built-in pictures, then reads it again
    /// and compares every byte: what cannot be read back is not called saved.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        self.save_with(path, &GoldenFeatures::of(&self.weights)?)
    }

    /// The same with features that were made before, of the same weights.
    pub fn save_with(&self, path: &Path, golden: &GoldenFeatures) -> Result<(), ModelError> {
        let mut archive = Archive { metadata: self.metadata(path)?, tensors: BTreeMap::new() };
        let header = Header { path, metadata: &archive.metadata };
        header.check_sizes(self.head.config(), self.weights.spec().n_features, self.classes.len(), self.temperature)?;
        archive.put_group("backbone.", self.weights.tensors());
        archive.put_group("head.", self.head.parameters().into_iter().map(|(name, t)| (name, t.shallow_clone())));
        archive.tensors.insert("golden.logits".to_owned(), golden.answers(&self.head)?);
        archive.save(path)?;
        // The same numbers give the same answers: the network need not run again.
        archive.check_saved(path)
    }

    /// Opens a bundle: format, version, names and shapes are checked, and no code is run.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Self::open_with_golden(path).map(|(bundle, _)| bundle)
    }

    /// Opens a bundle and checks that it still gives the answers it gave when it was saved.
    pub fn open_verified(path: &Path) -> Result<Self, ModelError> {
        let (bundle, stored) = Self::open_with_golden(path)?;
        golden::check(&stored, &GoldenFeatures::of(&bundle.weights)?.answers(&bundle.head)?)?;
        Ok(bundle)
    }

    fn open_with_golden(path: &Path) -> Result<(Self, Tensor), ModelError> {
        let mut archive = Archive::open(path)?;
        let header = Header { path, metadata: &archive.metadata };
        header.check_format()?;
        let backbone = spec(header.text("backbone")?)?;
        let classes: Vec<String> = header.json("classes")?;
        let multi_label = header.multi_label()?;
        let config: HeadConfig = header.json("head")?;
        let preprocessing: Preprocessing = header.json("preprocessing")?;
        let temperature: f64 = header.json("temperature")?;
        let provenance: Provenance = header.json("provenance")?;
        header.check_sizes(&config, backbone.n_features, classes.len(), temperature)?;
        let golden = archive
            .tensors
            .remove("golden.logits")
            .ok_or_else(|| header_error(path, "golden.logits", "no such tensor"))?;
        if golden.size() != [golden::N_PICTURES as i64, classes.len() as i64] {
            return Err(header_error(path, "golden.logits", &format!("its shape is {:?}", golden.size())));
        }
        let weights = Weights::from_tensors(backbone, archive.take_group("backbone."))?;
        let head = Head::from_tensors(&config, archive.take_group("head."))?;
        Ok((Self { weights, head, classes, multi_label, preprocessing, temperature, provenance }, golden))
    }

    fn metadata(&self, path: &Path) -> Result<BTreeMap<String, String>, ModelError> {
        let version = if self.multi_label { FORMAT_VERSION } else { 1 };
        let mut entries = vec![
            ("format", FORMAT.to_owned()),
            ("format_version", version.to_string()),
            ("backbone", self.weights.spec().name.to_owned()),
            ("classes", json(path, "classes", &self.classes)?),
            ("head", json(path, "head", self.head.config())?),
            ("preprocessing", json(path, "preprocessing", &self.preprocessing)?),
            ("temperature", json(path, "temperature", &self.temperature)?),
            ("provenance", json(path, "provenance", &self.provenance)?),
            ("weights_sha256", self.weights.spec().sha256.to_owned()),
        ];
        if self.multi_label {
            entries.push(("multi_label", json(path, "multi_label", &true)?));
        }
        Ok(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

fn json(path: &Path, field: &'static str, value: &impl Serialize) -> Result<String, ModelError> {
    serde_json::to_string(value).map_err(|e| header_error(path, field, &e.to_string()))
}

fn header_error(path: &Path, field: &'static str, reason: &str) -> ModelError {
    ModelError::Field { path: path.to_owned(), field, reason: reason.to_owned() }
}

/// A bundle's metadata and the file it came from, for the errors.
struct Header<'a> {
    path: &'a Path,
    metadata: &'a BTreeMap<String, String>,
}

impl Header<'_> {
    /// Whether this is a bundle, and one that this version reads.
    fn check_format(&self) -> Result<(), ModelError> {
        if self.metadata.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(ModelError::NotOurs { path: self.path.to_owned(), wanted: "model" });
        }
        match self.json("format_version")? {
            found if found > FORMAT_VERSION => {
                Err(ModelError::Newer { path: self.path.to_owned(), found, known: FORMAT_VERSION })
            }
            0 => Err(header_error(self.path, "format_version", "it is 0")),
            _ => Ok(()),
        }
    }

    /// Whether photos may have several classes; format 1 does not say, because they may not.
    fn multi_label(&self) -> Result<bool, ModelError> {
        if self.metadata.contains_key("multi_label") { self.json("multi_label") } else { Ok(false) }
    }

    /// Whether the parts that the header describes fit each other.
    fn check_sizes(
        &self,
        head: &HeadConfig,
        n_features: usize,
        n_classes: usize,
        temperature: f64,
    ) -> Result<(), ModelError> {
        if (head.n_features, head.n_classes) != (n_features, n_classes) {
            let reason = format!(
                "the head takes {} features and gives {} classes, but the backbone gives {n_features} and there are {n_classes} names",
                head.n_features, head.n_classes
            );
            return Err(header_error(self.path, "head", &reason));
        }
        match temperature.is_finite() && temperature > 0.0 {
            true => Ok(()),
            false => Err(header_error(self.path, "temperature", &format!("{temperature} is not above 0"))),
        }
    }

    fn text(&self, field: &'static str) -> Result<&str, ModelError> {
        self.metadata.get(field).map(String::as_str).ok_or_else(|| header_error(self.path, field, "it is missing"))
    }

    fn json<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, ModelError> {
        serde_json::from_str(self.text(field)?).map_err(|e| header_error(self.path, field, &e.to_string()))
    }
}
