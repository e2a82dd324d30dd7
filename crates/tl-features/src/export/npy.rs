//! numpy's own format, version 1.0, with the paths and labels in a CSV beside it.

use std::{
    io::{self, Write},
    path::Path,
};

use super::{Failure, FeatureTable, csv, floats, write_floats};

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// The values start at a multiple of it.
const ALIGNMENT: usize = 64;

pub(super) fn write(table: &FeatureTable, out: &mut dyn Write) -> io::Result<()> {
    let header = header(table.len(), table.width);
    out.write_all(MAGIC)?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    write_floats(&table.rows, out)
}

fn header(n: usize, width: usize) -> String {
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {width}), }}");
    // The length field takes two bytes, the newline one.
    let n_bytes = (MAGIC.len() + 2 + text.len() + 1).next_multiple_of(ALIGNMENT);
    format!("{text:<0$}\n", n_bytes - MAGIC.len() - 2 - 1)
}

/// Reads what [`write`] wrote: other kinds and orders of numbers are refused.
pub(super) fn read(path: &Path) -> Result<FeatureTable, Failure> {
    let bytes = fs_err::read(path)?;
    let index = csv::read(&path.with_extension("csv"))?;
    let data = bytes.strip_prefix(MAGIC).ok_or("it is no .npy file of version 1.0")?;
    let n_header = data.get(..2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let n_header = n_header.ok_or("its header is cut off")?;
    let found = data.get(2..2 + n_header).ok_or("its header is cut off")?;
    let width = width(found).ok_or("its header names no table")?;
    let values = floats(&data[2 + n_header..]);
    if found != header(index.len(), width).as_bytes() || values.len() != index.len() * width {
        return Err(format!("it does not hold f32 rows for the {} paths of the CSV beside it", index.len()).into());
    }
    Ok(FeatureTable { width, rows: values, ..index })
}

/// The width in a header, which says it of no rows, too.
fn width(header: &[u8]) -> Option<usize> {
    let (_, shape) = str::from_utf8(header).ok()?.split_once("'shape': (")?;
    let (_, width) = shape.split_once(')')?.0.split_once(", ")?;
    width.parse().ok()
}
