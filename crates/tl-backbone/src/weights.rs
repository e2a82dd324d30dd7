//! The tensors of a pretrained network.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorInfo as Entry};
use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};
use tl_torch::{deep_copy, to_vec_f32, u8_slice};

use crate::{architecture::Architecture, error::BackboneError, registry::Spec};

/// The checked tensors of one network, f32, by the names of its weight file.
#[derive(Debug)]
pub struct Weights {
    spec: &'static Spec,
    tensors: BTreeMap<String, Tensor>,
}

impl Weights {
    /// Opens a safetensors file. Its values are mapped into memory, not read: what is not used costs
    /// nothing. Names, kinds and shapes must be exactly those of the network; the hash is not looked at.
    pub fn open(path: &Path, spec: &'static Spec) -> Result<Self, BackboneError> {
        let n_bytes = fs_err::metadata(path)?.len();
        let file = path.to_str().ok_or_else(|| format_error(path, "its path is not UTF-8"))?;
        if n_bytes == 0 {
            return Err(format_error(path, "it is empty"));
        }
        let bytes = Tensor::f_from_file(file, false, Some(n_bytes as i64), (Kind::Uint8, Device::Cpu))?;
        let (entries, data_start) = read_header(path, u8_slice(&bytes)?)?;
        let tensors = entries.into_iter().map(|(name, entry)| {
            let tensor = view(&bytes, data_start, &entry)?;
            Ok((name, tensor))
        });
        Self::from_tensors(spec, tensors.collect::<Result<_, BackboneError>>()?)
    }

    /// The same from tensors that are in memory already, f32 on the CPU.
    pub fn from_tensors(spec: &'static Spec, tensors: BTreeMap<String, Tensor>) -> Result<Self, BackboneError> {
        let problems = problems(&(spec.architecture)(), &tensors);
        if problems.is_empty() {
            return Ok(Self { spec, tensors });
        }
        Err(BackboneError::Tensors { backbone: spec.name, problems: summary(&problems) })
    }

    /// The network that these weights belong to.
    #[must_use]
    pub fn spec(&self) -> &'static Spec {
        self.spec
    }

    /// The same weights, not copied: one for each thread that compiles a network of its own.
    #[must_use]
    pub fn shallow_clone(&self) -> Self {
        let tensors = self.tensors().map(|(name, tensor)| (name.to_owned(), tensor)).collect();
        Self { spec: self.spec, tensors }
    }

    /// All tensors in order of their names. They share memory with these weights: do not change them in
    /// place.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shallow_clone()))
    }

    /// SHA-256, in hexadecimal, of each tensor's name, shape and values (little-endian f32) in order of the
    /// names: the same whether they came from a weight file or a bundle. Takes about 15 ms for V1.
    pub fn sha256(&self) -> Result<String, BackboneError> {
        let mut hasher = Sha256::new();
        for (name, tensor) in &self.tensors {
            hasher.update(format!("{name} {:?}\n", tensor.size()));
            let values: Vec<u8> = to_vec_f32(tensor)?.into_iter().flat_map(f32::to_le_bytes).collect();
            hasher.update(values);
        }
        Ok(hasher.finalize().iter().fold(String::new(), |mut hex, byte| {
            // Writing into a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// A tensor that [`Self::from_tensors`] has seen.
    pub(crate) fn get(&self, name: &str) -> Result<&Tensor, BackboneError> {
        self.tensors
            .get(name)
            .ok_or_else(|| BackboneError::Tensors { backbone: self.spec.name, problems: format!("{name} is missing") })
    }
}

/// The entries of a mapped safetensors file, and where its values start.
fn read_header(path: &Path, bytes: &[u8]) -> Result<(Vec<(String, Entry)>, usize), BackboneError> {
    let (header_bytes, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| format_error(path, &e.to_string()))?;
    let entries = metadata.tensors().into_iter().map(|(name, entry)| (name, entry.clone()));
    Ok((entries.collect(), header_bytes + 8))
}

/// One tensor of the mapped file; a view where its values are aligned, as every careful writer makes them.
fn view(bytes: &Tensor, data_start: usize, entry: &Entry) -> Result<Tensor, BackboneError> {
    let kind = match entry.dtype {
        Dtype::F32 => Kind::Float,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        // Of no use, but a tensor of the wrong kind is better reported with the others.
        _ => Kind::Uint8,
    };
    let (start, end) = entry.data_offsets;
    let first = (data_start + start) as i64;
    let slice = bytes.f_narrow(0, first, (end - start) as i64)?;
    let aligned = if first % 4 == 0 { slice } else { deep_copy(&slice)? };
    let shape: Vec<i64> = match kind {
        Kind::Uint8 => vec![-1],
        _ => entry.shape.iter().map(|&side| side as i64).collect(),
    };
    Ok(aligned.f_view_dtype(kind)?.f_reshape(shape)?)
}

/// Everything by which `tensors` differ from what the network has.
fn problems(architecture: &Architecture, tensors: &BTreeMap<String, Tensor>) -> Vec<String> {
    let wanted: BTreeMap<_, _> = architecture.tensors().into_iter().map(|t| (t.name, t.shape)).collect();
    let mut problems = Vec::new();
    for (name, shape) in &wanted {
        match tensors.get(name) {
            None => problems.push(format!("{name} is missing")),
            Some(t) if t.kind() != Kind::Float => problems.push(format!("{name} is {:?}, not f32", t.kind())),
            Some(t) if t.size() != *shape => {
                problems.push(format!("{name} has shape {:?}, not {shape:?}", t.size()));
            }
            Some(_) => {}
        }
    }
    let unexpected = tensors.keys().filter(|name| !wanted.contains_key(*name));
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

fn format_error(path: &Path, reason: &str) -> BackboneError {
    BackboneError::Format { path: path.to_owned(), reason: reason.to_owned() }
}
