//! A data set, in whichever form it comes.

use std::path::Path;

use crate::{
    error::DataError,
    list::{List, read_list},
    pattern::scan_by_pattern,
    scan::{ScanOptions, scan},
};

/// Whether a path is named as a list of photos: it ends in `.csv` or `.jsonl`.
#[must_use]
pub fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("csv") || ending.eq_ignore_ascii_case("jsonl"))
}

/// Reads `data`: with a pattern as [`scan_by_pattern`], a file that is named as a list as [`read_list`], anything else as
/// [`scan`].
///
/// # Errors
/// Those of the function that reads it.
pub fn read_data(data: &Path, label_pattern: Option<&str>, options: &ScanOptions) -> Result<List, DataError> {
    let folder = match label_pattern {
        Some(pattern) => scan_by_pattern(data, pattern, options)?,
        // A folder may have any name.
        None if is_list(data) && data.is_file() => return read_list(data, options),
        None => scan(data, options)?,
    };
    Ok(List { folder, ..List::default() })
}
