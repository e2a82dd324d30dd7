//! The bundle and its file.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use tl_backbone::{Preprocessing, Weights};
use tl_head::Head;
use tl_torch::Array;

use crate::{
    archive::Archive,
    checksum,
    error::ModelError,
    golden::{self, GoldenFeatures},
    provenance::Provenance,
    stored::{FORMAT, Header, StoredBundle, header_error},
};

/// The newest format of bundles that this version reads.
///
/// Format 2 has several classes per photo; other bundles are still written in format 1, which every version reads.
pub const FORMAT_VERSION: u32 = 2;

/// A trained classifier with all it needs to run, without a tensor among it: to predict, or to look at a model, none is
/// needed.
#[derive(Debug)]
pub struct Bundle {
    /// The backbone's weights, as they were pretrained, or fine-tuned.
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
    ///
    /// # Errors
    /// As [`Bundle::save_with`], and as [`GoldenFeatures::of`].
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        self.save_with(path, &GoldenFeatures::of(&self.weights)?)
    }

    /// The same with features that were made before, of the same weights.
    ///
    /// # Errors
    /// [`ModelError::Field`] for parts that do not fit each other, [`ModelError::Write`] for a file that cannot be
    /// written, [`ModelError::Damaged`] for one that is read back otherwise, and [`ModelError::Head`] for features of
    /// another width.
    pub fn save_with(&self, path: &Path, golden: &GoldenFeatures) -> Result<(), ModelError> {
        let mut archive = Archive { metadata: self.metadata(path)?, ..Archive::default() };
        let header = Header { path, metadata: &archive.metadata };
        let spec = self.weights.spec();
        header.check_sizes(self.head.config(), spec.n_features, self.classes.len(), self.temperature)?;
        header.check_preprocessing(&self.preprocessing, spec)?;
        header.check_names(&self.classes)?;
        archive.put_arrays("backbone.", self.weights.arrays().map(|(name, array)| (name, array.clone())));
        archive.put_arrays("head.", self.head.parameters().into_iter().map(|(name, array)| (name, array.clone())));
        let answers = Array::new(golden.answers(&self.head)?, &[golden::N_PICTURES, self.classes.len()])?;
        archive.metadata.insert(checksum::FIELD.to_owned(), checksum::of_numbers(&self.weights, &self.head, &answers));
        archive.metadata.insert(checksum::HEADER_FIELD.to_owned(), checksum::of_header(&archive.metadata));
        archive.put_arrays("golden.", [("logits", answers)]);
        archive.save(path)?;
        // The same numbers give the same answers: the network need not run again.
        archive.check_saved(path)
    }

    /// Opens a bundle: format, version, names and shapes are checked, and no code is run. [`StoredBundle::verify`] checks
    /// its answers too.
    ///
    /// # Errors
    /// As [`StoredBundle::open`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        Ok(StoredBundle::open(path)?.bundle)
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
