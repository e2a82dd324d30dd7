//! Safetensors files as arrays.

use std::{
    collections::BTreeMap,
    io::{self, ErrorKind, Read, Seek},
    path::Path,
    sync::Arc,
};

use safetensors::{Dtype, SafeTensors};

use crate::{array::Array, error::TorchError};

/// What is in a safetensors file, in one piece of memory: nothing is copied a second time, and no tensor is made.
#[derive(Debug)]
pub struct ArrayFile {
    /// The header's `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    /// All f32 tensors by name.
    pub arrays: BTreeMap<String, Array>,
    /// The others by name, with what their numbers are.
    pub others: BTreeMap<String, String>,
}

impl ArrayFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`TorchError::Read`] for what cannot be read or is no file, [`TorchError::Safetensors`] for no safetensors file,
    /// or only the first part of one.
    pub fn open(path: &Path) -> Result<Self, TorchError> {
        // Asked first: to open a pipe would wait for ever.
        if !fs_err::metadata(path)?.is_file() {
            return Err(io::Error::other(format!("`{}` is not a file", path.display())).into());
        }
        let mut file = fs_err::File::open(path)?;
        let no_memory = || io::Error::new(ErrorKind::OutOfMemory, format!("`{}` is too large", path.display()));
        let n_bytes = usize::try_from(file.metadata()?.len()).map_err(|_| no_memory())?;
        check_start(&mut file, n_bytes)?;
        // Floats, so that the values in it are aligned.
        let mut memory: Vec<f32> =
            bytemuck::try_zeroed_vec(n_bytes.div_ceil(size_of::<f32>())).map_err(|()| no_memory())?;
        file.read_exact(&mut bytemuck::cast_slice_mut(&mut memory)[..n_bytes])?;
        Self::parse(&Arc::new(memory), n_bytes)
    }

    fn parse(memory: &Arc<Vec<f32>>, n_bytes: usize) -> Result<Self, TorchError> {
        let bytes = &bytemuck::cast_slice(memory)[..n_bytes];
        let (n_header, header) = SafeTensors::read_metadata(bytes)?;
        let first = n_header + size_of::<u64>();
        let mut file = Self { metadata: BTreeMap::new(), arrays: BTreeMap::new(), others: BTreeMap::new() };
        file.metadata.extend(header.metadata().clone().unwrap_or_default());
        for (name, entry) in header.tensors().into_iter().collect::<BTreeMap<_, _>>() {
            let (start, end) = (first + entry.data_offsets.0, first + entry.data_offsets.1);
            match entry.dtype {
                // Every careful writer aligns its values.
                Dtype::F32 if start.is_multiple_of(size_of::<f32>()) => {
                    let range = start / size_of::<f32>()..end / size_of::<f32>();
                    file.arrays.insert(name, Array::within(memory, range, &entry.shape)?);
                }
                Dtype::F32 => {
                    let values = bytemuck::pod_collect_to_vec(bytes.get(start..end).unwrap_or_default());
                    file.arrays.insert(name, Array::new(values, &entry.shape)?);
                }
                other => {
                    file.others.insert(name, format!("{other:?}"));
                }
            }
        }
        Ok(file)
    }

    /// The arrays whose name starts with `prefix`, under the rest of their name.
    pub fn take_group(&mut self, prefix: &str) -> BTreeMap<String, Array> {
        let taken = self.arrays.extract_if(.., |name, _| name.starts_with(prefix));
        taken.map(|(name, array)| (name[prefix.len()..].to_owned(), array)).collect()
    }
}

/// Fails for what does not begin as such a file does, before all of it is read: someone may give a film.
fn check_start(file: &mut fs_err::File, n_bytes: usize) -> Result<(), TorchError> {
    let mut start = Vec::new();
    file.by_ref().take(9).read_to_end(&mut start)?;
    file.rewind()?;
    let n_header = start.first_chunk().map_or(u64::MAX, |n| u64::from_le_bytes(*n));
    if n_header >= n_bytes as u64 || start.last() != Some(&b'{') {
        SafeTensors::read_metadata(&start)?;
    }
    Ok(())
}
