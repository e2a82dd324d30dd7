//! The tensors of a pretrained network.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};
use tl_torch::{Array, ArrayFile, TorchError};

use crate::{architecture::Architecture, error::BackboneError, registry::Spec};

/// The checked tensors of one network, f32, by the names of its weight file. Clones share them.
#[derive(Debug, Clone)]
pub struct Weights {
    spec: &'static Spec,
    arrays: BTreeMap<String, Array>,
}

impl Spec {
    /// Whether the file at `path` has the published one's hash, [`Spec::sha256`]. It is read whole.
    ///
    /// # Errors
    /// [`BackboneError::Io`] for what cannot be read.
    pub fn is_published(&self, path: &Path) -> Result<bool, BackboneError> {
        Ok(hex(&Sha256::digest(fs_err::read(path)?)) == self.sha256)
    }
}

impl Weights {
    /// Opens a safetensors file. The hash is not looked at.
    ///
    /// # Errors
    /// [`BackboneError::Io`] for what cannot be read or is no file, [`BackboneError::Format`] for no whole safetensors
    /// file, [`BackboneError::Tensors`] where names, kinds and shapes are not exactly those of the network.
    pub fn open(path: &Path, spec: &'static Spec) -> Result<Self, BackboneError> {
        let file = ArrayFile::open(path).map_err(|error| match error {
            TorchError::Read(error) => BackboneError::Io(error),
            error => BackboneError::Format { path: path.to_owned(), reason: error.to_string() },
        })?;
        Self::checked(spec, file.arrays, &file.others)
    }

    /// The same from numbers that are in memory already.
    ///
    /// # Errors
    /// [`BackboneError::Tensors`] where names and shapes are not exactly those of the network.
    pub fn from_arrays(spec: &'static Spec, arrays: BTreeMap<String, Array>) -> Result<Self, BackboneError> {
        Self::checked(spec, arrays, &BTreeMap::new())
    }

    /// The same from copies of tensors, f32 on the CPU.
    ///
    /// # Errors
    /// [`BackboneError::Tensors`] as [`Self::open`], [`BackboneError::Torch`] when libtorch cannot copy them.
    pub fn from_tensors(spec: &'static Spec, tensors: BTreeMap<String, Tensor>) -> Result<Self, BackboneError> {
        let (mut arrays, mut others) = (BTreeMap::new(), BTreeMap::new());
        for (name, tensor) in tensors {
            match tensor.kind() {
                Kind::Float => drop(arrays.insert(name, Array::of_tensor(&tensor)?)),
                kind => drop(others.insert(name, format!("{kind:?}"))),
            }
        }
        Self::checked(spec, arrays, &others)
    }

    /// `others` are tensors that are not f32, with what they are.
    fn checked(
        spec: &'static Spec,
        arrays: BTreeMap<String, Array>,
        others: &BTreeMap<String, String>,
    ) -> Result<Self, BackboneError> {
        let problems = problems(&(spec.architecture)(), &arrays, others);
        if problems.is_empty() {
            return Ok(Self { spec, arrays });
        }
        Err(BackboneError::Tensors { backbone: spec.name, problems: summary(&problems) })
    }

    /// The network that these weights belong to.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// All tensors in order of their names.
    pub fn arrays(&self) -> impl Iterator<Item = (&str, &Array)> {
        self.arrays.iter().map(|(name, array)| (name.as_str(), array))
    }

    /// SHA-256, in hexadecimal, of each tensor's name, shape and values (little-endian f32) in order of the
    /// names: the same whether they came from a weight file or a bundle. Takes about 15 ms for V1.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hasher = Sha256::new();
        for (name, array) in &self.arrays {
            hasher.update(format!("{name} {:?}\n", array.shape()));
            hasher.update(array.bytes());
        }
        hex(&hasher.finalize())
    }

    /// A tensor that was checked.
    pub(crate) fn get(&self, name: &str) -> Result<&Array, BackboneError> {
        self.arrays
            .get(name)
            .ok_or_else(|| BackboneError::Tensors { backbone: self.spec.name, problems: format!("{name} is missing") })
    }

    /// Its values.
    pub(crate) fn values(&self, name: &str) -> Result<&[f32], BackboneError> {
        Ok(self.get(name)?.values())
    }
}

/// Everything by which these differ from what the network has.
fn problems(
    architecture: &Architecture,
    arrays: &BTreeMap<String, Array>,
    others: &BTreeMap<String, String>,
) -> Vec<String> {
    let shape = |shape: Vec<i64>| shape.into_iter().map(|side| side as usize).collect();
    let wanted: BTreeMap<String, Vec<usize>> =
        architecture.tensors().into_iter().map(|t| (t.name, shape(t.shape))).collect();
    let mut problems = Vec::new();
    for (name, shape) in &wanted {
        match (arrays.get(name), others.get(name)) {
            (None, None) => problems.push(format!("{name} is missing")),
            (None, Some(kind)) => problems.push(format!("{name} is {kind}, not f32")),
            (Some(found), _) if found.shape() != shape => {
                problems.push(format!("{name} has shape {:?}, not {shape:?}", found.shape()));
            }
            (Some(_), _) => {}
        }
    }
    let unexpected = arrays.keys().chain(others.keys()).filter(|name| !wanted.contains_key(*name));
    problems.extend(unexpected.map(|name| format!("{name} is unexpected")));
    problems
}

/// The first few problems: a file of another network has hundreds.
fn summary(problems: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = problems.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    match problems.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::new(), |mut hex, byte| {
        // Writing into a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
