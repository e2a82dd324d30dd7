//! A bundle's file, read and checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use tl_backbone::{Preprocessing, Spec, Weights, spec};
use tl_data::Fit;
use tl_head::{Head, HeadConfig};
use tl_torch::Array;

use crate::{
    archive::open_arrays,
    bundle::{Bundle, FORMAT_VERSION},
    checksum,
    error::ModelError,
    golden::{self, GoldenFeatures},
};

/// What the header's `format` says.
pub(crate) const FORMAT: &str = "tl-bundle";

/// Pixels on a side that no network here has use for more of: a wrong number must not cost all memory.
const MAX_SIDE: u32 = 4096;

/// A [`Bundle`] with what else its file holds, which shows whether the model is as it was saved.
#[derive(Debug)]
pub struct StoredBundle {
    /// The model.
    pub bundle: Bundle,
    /// Where it was read.
    path: PathBuf,
    /// Its answers on the built-in pictures where it was saved.
    golden: Array,
    /// The header's fields, with the checksums that bundles of before have not.
    metadata: BTreeMap<String, String>,
}

impl StoredBundle {
    /// Reads a bundle: format, version, names and shapes are checked, and that all numbers and all else are as they were
    /// saved.
    ///
    /// # Errors
    /// As [`open_arrays`]; [`ModelError::NotOurs`], [`ModelError::Newer`] or [`ModelError::Field`] for a header that is
    /// none of a bundle, or of an unknown network; [`ModelError::Damaged`] for other tensors than its own;
    /// [`ModelError::Changed`] for other numbers.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let mut file = open_arrays(path)?;
        let (weights, head) = (file.take_group("backbone."), file.take_group("head."));
        let header = Header { path, metadata: &file.metadata };
        header.check_format()?;
        let backbone = spec(header.text("backbone")?).map_err(|e| header_error(path, "backbone", &e.to_string()))?;
        let classes: Vec<String> = header.json("classes")?;
        let multi_label = header.multi_label()?;
        let config: HeadConfig = header.json("head")?;
        let preprocessing: Preprocessing = header.json("preprocessing")?;
        let temperature = header.json("temperature")?;
        let provenance = header.json("provenance")?;
        header.check_sizes(&config, backbone.n_features, classes.len(), temperature)?;
        header.check_preprocessing(&preprocessing, backbone)?;
        header.check_names(&classes)?;
        let golden = file.arrays.remove("golden.logits");
        let golden = golden.ok_or_else(|| header_error(path, "golden.logits", "no such tensor"))?;
        if golden.shape() != [golden::N_PICTURES, classes.len()] {
            return Err(header_error(path, "golden.logits", &format!("its shape is {:?}", golden.shape())));
        }
        let damaged = |reason| ModelError::Damaged { path: path.to_owned(), reason };
        let weights = Weights::from_arrays(backbone, weights).map_err(|e| damaged(e.to_string()))?;
        let head = Head::from_arrays(&config, head).map_err(|e| damaged(e.to_string()))?;
        let was = file.metadata.get(checksum::FIELD);
        if !checksum::is_header_as_saved(&file.metadata)
            || was.is_some_and(|was| *was != checksum::of_numbers(&weights, &head, &golden))
        {
            return Err(ModelError::Changed { path: path.to_owned() });
        }
        let bundle = Bundle { weights, head, classes, multi_label, preprocessing, temperature, provenance };
        Ok(Self { bundle, path: path.to_owned(), golden, metadata: file.metadata })
    }

    /// Whether the file says what all of it was when it was saved; bundles of older versions have their answers alone to
    /// show.
    #[must_use]
    pub fn has_checksums(&self) -> bool {
        let has = |field| self.metadata.contains_key(field);
        has(checksum::FIELD) && (has(checksum::HEADER_FIELD) || has(checksum::OLD_HEADER_FIELD))
    }

    /// Checks that the model still gives the same answers here as where it was saved.
    ///
    /// # Errors
    /// [`ModelError::Golden`] for other answers, and [`ModelError::Backbone`] for a network that cannot run.
    pub fn verify(&self) -> Result<(), ModelError> {
        let Bundle { weights, head, .. } = &self.bundle;
        golden::check(&self.path, self.golden.values(), &GoldenFeatures::of(weights)?.answers(head)?)
    }
}

pub(crate) fn header_error(path: &Path, field: &'static str, reason: &str) -> ModelError {
    ModelError::Field { path: path.to_owned(), field, reason: reason.to_owned() }
}

/// A bundle's metadata and the file it came from, for the errors.
pub(crate) struct Header<'a> {
    pub(crate) path: &'a Path,
    pub(crate) metadata: &'a BTreeMap<String, String>,
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
    pub(crate) fn check_sizes(
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
        // Logits are f32, in which a tiny one is 0.
        match (temperature as f32).is_finite() && temperature as f32 > 0.0 {
            true => Ok(()),
            false => Err(header_error(self.path, "temperature", &format!("{temperature} is not above 0"))),
        }
    }

    /// Whether a network of this kind can be given photos so: its kernels subtract the mean that it was trained with.
    pub(crate) fn check_preprocessing(&self, found: &Preprocessing, backbone: &Spec) -> Result<(), ModelError> {
        let Preprocessing { geometry, mean, std } = found;
        let short_side = match geometry.fit {
            Fit::Squash => geometry.side,
            Fit::Crop { short_side } => short_side,
        };
        let problem = match ((*mean, *std), [geometry.side, short_side]) {
            (normal, _) if normal != (backbone.preprocessing.mean, backbone.preprocessing.std) => {
                format!("mean and standard deviation are not those of {}", backbone.name)
            }
            (_, sides) if sides.iter().any(|side| !(1..=MAX_SIDE).contains(side)) => {
                format!("pictures of {} pixels from {short_side}; 1 to {MAX_SIDE} are possible", geometry.side)
            }
            _ => return Ok(()),
        };
        Err(header_error(self.path, "preprocessing", &problem))
    }

    /// Whether every class has a name of its own.
    pub(crate) fn check_names(&self, classes: &[String]) -> Result<(), ModelError> {
        let mut names = BTreeSet::new();
        match classes.iter().find(|name| name.is_empty() || !names.insert(name.as_str())) {
            Some(name) if name.is_empty() => Err(header_error(self.path, "classes", "a name is empty")),
            Some(name) => Err(header_error(self.path, "classes", &format!("two are called {name}"))),
            None => Ok(()),
        }
    }

    fn text(&self, field: &'static str) -> Result<&str, ModelError> {
        self.metadata.get(field).map(String::as_str).ok_or_else(|| header_error(self.path, field, "it is missing"))
    }

    fn json<T: DeserializeOwned>(&self, field: &'static str) -> Result<T, ModelError> {
        serde_json::from_str(self.text(field)?).map_err(|e| header_error(self.path, field, &e.to_string()))
    }
}
