//! Folders of photos: find, check, decode, split and batch them. No tensors.

mod classes;
mod error;
mod find;
mod geometry;
mod limits;
#[cfg(feature = "decode")]
mod reader;
mod sample;
mod scan;
mod skip;
mod sniff;
mod split;
mod walk;

#[cfg(feature = "decode")]
pub use self::reader::PhotoReader;
pub use self::{
    error::DataError,
    find::find_photos,
    geometry::{Fit, Geometry},
    limits::{DecodeOptions, Limits},
    sample::{Folder, Sample},
    scan::{ScanOptions, scan, scan_with_val},
    skip::{SkipReason, Skipped},
    split::{SplitOptions, stratified_split},
};
