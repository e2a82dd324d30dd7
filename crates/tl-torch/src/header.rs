//! The header of a safetensors file, written.

use std::io::{self, Write};

use safetensors::{Dtype, tensor::TensorInfo};
use serde::Serialize;
use serde_json::{Map, json};

/// Writes the start of a safetensors file: the length of its header in 8 bytes, and the header as JSON padded to 8 bytes.
/// The tensors' numbers are to follow, in the same order.
///
/// The same content always gives the same bytes, which the library's own writer does not promise: it keeps metadata in
/// a hash map.
///
/// # Errors
/// Those of `out`, and metadata that is no JSON.
pub fn write_safetensors_header<'a>(
    metadata: &impl Serialize,
    tensors: impl IntoIterator<Item = (&'a str, Dtype, &'a [usize])>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut header = Map::new();
    header.insert("__metadata__".to_owned(), serde_json::to_value(metadata)?);
    let mut start = 0;
    for (name, dtype, shape) in tensors {
        let end = start + shape.iter().product::<usize>() * dtype.bitsize() / 8;
        header.insert(name.to_owned(), json!(TensorInfo { dtype, shape: shape.to_vec(), data_offsets: (start, end) }));
        start = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)
}
