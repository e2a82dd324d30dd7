//! Named tensors with text beside them, as a safetensors file.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    path::Path,
};

use safetensors::{Dtype, SafeTensors};
use tch::{Kind, Tensor};
use tl_data::write_atomically;
use tl_torch::{Array, ArrayFile, TorchError, tensor_from_u8, write_safetensors_header};

use crate::error::ModelError;

/// Tensors and metadata of one safetensors file, in name order.
///
/// The same content always gives the same bytes.
#[derive(Debug, Default)]
pub struct Archive {
    /// The header's `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// The tensors by name; `f32`, `f64` or `i64`, of any shape.
    pub tensors: BTreeMap<String, Tensor>,
    /// f32 values that are written as tensors are, but without libtorch; [`Archive::open`] makes tensors of all.
    pub arrays: BTreeMap<String, Array>,
}

impl Archive {
    /// Writes the file through a temporary sibling.
    ///
    /// # Errors
    /// [`ModelError::Write`] for a file that cannot be written, or a tensor that does not lie on the processor;
    /// [`ModelError::Torch`] for a tensor that cannot be made dense.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        let contents = self.contents()?;
        write_atomically(path, |out| write(&self.metadata, &contents, out))
            .map_err(|source| ModelError::Write { path: path.to_owned(), source })
    }

    /// Reads the file again, and compares it with what [`Archive::save`] writes, to the bit.
    ///
    /// # Errors
    /// [`ModelError::Damaged`] where it differs, and as [`Archive::open`] for a file that cannot be read.
    pub fn check_saved(&self, path: &Path) -> Result<(), ModelError> {
        let n_bytes = n_bytes(path)?;
        let file = fs_err::File::open(path).map_err(|error| ModelError::refused(path, &error))?;
        let mut comparison = Comparison { file, n_left: n_bytes, found: vec![0; 1 << 16] };
        let written = write(&self.metadata, &self.contents()?, &mut comparison);
        let damaged = |reason: &str| ModelError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
        match written {
            Ok(()) if comparison.n_left == 0 => Ok(()),
            Ok(()) => Err(damaged(DIFFERS)),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    /// Opens a file, checks that it is whole, and copies its tensors.
    ///
    /// # Errors
    /// [`ModelError::Missing`], [`ModelError::Folder`] or [`ModelError::Read`] for a file that cannot be read;
    /// [`ModelError::Damaged`] for one that is not whole, or has numbers that tl does not use.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let damaged = |reason: String| ModelError::Damaged { path: path.to_owned(), reason };
        n_bytes(path)?;
        let bytes = fs_err::read(path).map_err(|error| ModelError::refused(path, &error))?;
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| damaged(e.to_string()))?;
        let parsed = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
        let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
        let tensors = parsed
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), tensor_of(&view).map_err(|e| damaged(format!("{name}: {e}")))?)))
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { metadata, tensors, arrays: BTreeMap::new() })
    }

    /// The tensors whose name starts with `prefix`, under the rest of their name.
    pub fn take_group(&mut self, prefix: &str) -> BTreeMap<String, Tensor> {
        let taken = self.tensors.extract_if(.., |name, _| name.starts_with(prefix));
        taken.map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)).collect()
    }

    /// Adds tensors under `prefix`.
    pub fn put_group<S: AsRef<str>>(&mut self, prefix: &str, tensors: impl IntoIterator<Item = (S, Tensor)>) {
        self.tensors.extend(tensors.into_iter().map(|(name, tensor)| (format!("{prefix}{}", name.as_ref()), tensor)));
    }

    /// Adds arrays under `prefix`.
    pub fn put_arrays<S: AsRef<str>>(&mut self, prefix: &str, arrays: impl IntoIterator<Item = (S, Array)>) {
        self.arrays.extend(arrays.into_iter().map(|(name, array)| (format!("{prefix}{}", name.as_ref()), array)));
    }

    /// Everything in the order of names.
    fn contents(&self) -> Result<Vec<Content<'_>>, ModelError> {
        let tensors = self.tensors.iter().map(|(name, tensor)| Content::of_tensor(name, tensor));
        let arrays = self.arrays.iter().map(|(name, array)| Ok(Content::of_array(name, array)));
        let mut contents = tensors.chain(arrays).collect::<Result<Vec<_>, _>>()?;
        contents.sort_by_key(|content| content.name);
        Ok(contents)
    }
}

/// Reads a file of arrays, and checks that it is whole: an [`Archive`] without a tensor among what is in it.
///
/// # Errors
/// As [`Archive::open`], but numbers that are not f32 are no error.
pub fn open_arrays(path: &Path) -> Result<ArrayFile, ModelError> {
    n_bytes(path)?;
    ArrayFile::open(path).map_err(|error| match error {
        TorchError::Read(error) => ModelError::refused(path, &error),
        error => ModelError::Damaged { path: path.to_owned(), reason: error.to_string() },
    })
}

/// Size of a file that can be read, or by a good message why it cannot. To open a pipe would wait for ever.
fn n_bytes(path: &Path) -> Result<u64, ModelError> {
    let refused = |error: io::Error| ModelError::refused(path, &error);
    let found = fs_err::metadata(path).map_err(refused)?;
    if found.is_dir() {
        return Err(ModelError::Folder { path: path.to_owned() });
    }
    if !found.is_file() {
        return Err(ModelError::unfit(path, "it is not a file; give a model.safetensors"));
    }
    drop(fs_err::File::open(path).map_err(refused)?);
    Ok(found.len())
}

fn tensor_of(view: &safetensors::tensor::TensorView<'_>) -> Result<Tensor, String> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::F64 => Kind::Double,
        Dtype::I64 => Kind::Int64,
        other => return Err(format!("numbers of type {other:?} are not used by tl")),
    };
    let shape: Vec<i64> = view.shape().iter().map(|&n| n as i64).collect();
    // The library has checked that the bytes are as many as the shape wants. (tch's own way fills with zeros first.)
    let bytes = tensor_from_u8(view.data(), &[view.data().len() as i64]).map_err(|e| e.to_string())?;
    bytes.f_view_dtype(kind).and_then(|values| values.f_view(shape.as_slice())).map_err(|e| e.to_string())
}

/// One tensor or array, ready to be written.
struct Content<'a> {
    name: &'a str,
    dtype: Dtype,
    shape: Vec<usize>,
    values: Values<'a>,
}

/// Where its bytes are.
enum Values<'a> {
    /// The tensor's own memory where it is dense.
    Tensor(Tensor),
    Array(&'a Array),
}

impl<'a> Content<'a> {
    fn of_tensor(name: &'a str, tensor: &Tensor) -> Result<Self, ModelError> {
        let (dtype, kind) = match tensor.kind() {
            Kind::Int64 => (Dtype::I64, Kind::Int64),
            Kind::Double => (Dtype::F64, Kind::Double),
            _ => (Dtype::F32, Kind::Float),
        };
        let as_bytes =
            || tensor.f_detach()?.f_to_kind(kind)?.f_contiguous()?.f_reshape([-1])?.f_view_dtype(Kind::Uint8);
        let shape = tensor.size().into_iter().map(|side| side as usize).collect();
        Ok(Self { name, dtype, shape, values: Values::Tensor(as_bytes().map_err(TorchError::from)?) })
    }

    fn of_array(name: &'a str, array: &'a Array) -> Self {
        Self { name, dtype: Dtype::F32, shape: array.shape().to_vec(), values: Values::Array(array) }
    }

    fn bytes(&self) -> Result<&[u8], TorchError> {
        match &self.values {
            Values::Tensor(bytes) => tl_torch::u8_slice(bytes),
            Values::Array(array) => Ok(array.bytes()),
        }
    }
}

/// A file that is compared with what would be written.
struct Comparison {
    file: fs_err::File,
    /// Bytes of it that were not compared yet.
    n_left: u64,
    found: Vec<u8>,
}

const DIFFERS: &str = "what was read back differs from what was written";

impl Write for Comparison {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(self.found.len());
        self.file.read_exact(&mut self.found[..n])?;
        self.n_left = self.n_left.saturating_sub(n as u64);
        if self.found[..n] == bytes[..n] { Ok(n) } else { Err(io::Error::other(DIFFERS)) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The header, and the numbers.
fn write(metadata: &BTreeMap<String, String>, contents: &[Content<'_>], out: &mut dyn Write) -> io::Result<()> {
    // The library wants wider numbers first, so that each stays aligned.
    let (wide, narrow): (Vec<_>, Vec<_>) = contents.iter().partition(|c| c.dtype != Dtype::F32);
    let ordered = || wide.iter().chain(&narrow);
    write_safetensors_header(metadata, ordered().map(|c| (c.name, c.dtype, &c.shape[..])), out)?;
    ordered().try_for_each(|content| out.write_all(content.bytes().map_err(io::Error::other)?))
}
