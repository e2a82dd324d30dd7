//! Features for other programs: a table with a path and a label per row, in four file formats.

mod csv;
mod merge;
mod npy;
mod parquet;
mod safetensors;

use std::{
    io::{self, Write},
    path::Path,
};

use crate::error::FeatureError;

/// How a table of features lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Tensors `features` `[n, width] f32` and `labels` `[n] i64` (-1 for none); the metadata holds `classes`, whose
    /// positions are the labels, and `paths`, both as JSON lists.
    Safetensors,
    /// The features alone, `[n, width] f32`, for `numpy.load`; `path` and `label` are in a CSV of the same name beside it.
    Npy,
    /// Columns `path`, `label`, `f0`, `f1` and so on; numbers are as short as reads back to the same bits.
    Csv,
    /// The same columns, binary and uncompressed.
    Parquet,
}

impl ExportFormat {
    /// The format that the ending of a file's name stands for.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "safetensors" => Some(Self::Safetensors),
            "npy" => Some(Self::Npy),
            "csv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Features with the path and the label of each row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeatureTable {
    /// Path of each row's photo.
    pub paths: Vec<String>,
    /// Class of each row's photo; empty where it has none.
    pub labels: Vec<String>,
    /// Features per row.
    pub width: usize,
    /// `[len, width]`, row-major.
    pub rows: Vec<f32>,
    /// What computed them, such as `mobilenet_v1 f32`. CSV and npy do not hold it: empty.
    pub network: String,
    /// Where these are the rows of shard `i` of `n`, counted from 0: `[i, n]`. CSV and npy do not hold it.
    pub shard: Option<[usize; 2]>,
    /// Of a shard: BLAKE3, in hexadecimal, of the list of photos that was parted, so that shards of different lists are
    /// told. CSV and npy do not hold it: empty.
    pub parted: String,
}

impl FeatureTable {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Features of row `i`: `[width]`.
    #[must_use]
    pub fn row(&self, i: usize) -> &[f32] {
        &self.rows[i * self.width..][..self.width]
    }

    /// The class names, sorted; photos without a class have none.
    #[must_use]
    pub fn classes(&self) -> Vec<&str> {
        let mut classes: Vec<&str> = self.labels.iter().map(String::as_str).filter(|label| !label.is_empty()).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// Writes the table; equal tables give equal bytes.
    ///
    /// # Errors
    /// Those of `out`, and a table whose fields do not fit each other.
    pub fn write(&self, format: ExportFormat, out: &mut dyn Write) -> io::Result<()> {
        self.check().map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
        match format {
            ExportFormat::Safetensors => safetensors::write(self, out),
            ExportFormat::Npy => npy::write(self, out),
            ExportFormat::Csv => csv::write(self, out),
            ExportFormat::Parquet => parquet::write(self, out),
        }
    }

    /// Writes `path` and `label` as CSV: the companion of [`ExportFormat::Npy`].
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_index(&self, out: &mut dyn Write) -> io::Result<()> {
        csv::write_index(self, out)
    }

    /// Reads a file that [`Self::write`] wrote, for `npy` with its companion beside it.
    ///
    /// # Errors
    /// [`FeatureError::Table`] for a file that cannot be read, or is no table of this format.
    pub fn open(path: &Path, format: ExportFormat) -> Result<Self, FeatureError> {
        let table = match format {
            ExportFormat::Safetensors => safetensors::read(path),
            ExportFormat::Npy => npy::read(path),
            ExportFormat::Csv => csv::read(path),
            ExportFormat::Parquet => parquet::read(path),
        };
        let table = table.map_err(|error| FeatureError::Table { path: path.to_owned(), reason: error.to_string() })?;
        table.check().map_err(|reason| FeatureError::Table { path: path.to_owned(), reason })?;
        Ok(table)
    }

    /// Whether there is a label and a row of features for each path.
    fn check(&self) -> Result<(), String> {
        let (n, n_labels, n_values) = (self.len(), self.labels.len(), self.rows.len());
        match n_labels == n && self.width.checked_mul(n) == Some(n_values) {
            true => Ok(()),
            false => Err(format!("{n_labels} labels and {n_values} features for {n} paths of {} each", self.width)),
        }
    }
}

/// The key of [`FeatureTable::parted`] among what files say of a table.
const PARTED: &str = "parted";

/// Any failure of a file format, in its own words.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A shard as files name it: `i/n`.
fn shard_text([i, n]: [usize; 2]) -> String {
    format!("{i}/{n}")
}

/// Reads it; `.safetensors` had `[i,n]` before.
fn shard_of(text: &str) -> Result<[usize; 2], Failure> {
    let numbers = text.trim_matches(['[', ']']).split_once(['/', ',']);
    let (i, n) = numbers.ok_or_else(|| format!("its shard is `{text}`, where i/n is meant"))?;
    Ok([i.parse()?, n.parse()?])
}

/// Floats from the bytes that they lie in, little-endian.
fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Writes floats, little-endian.
fn write_floats(values: &[f32], out: &mut dyn Write) -> io::Result<()> {
    values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))
}
