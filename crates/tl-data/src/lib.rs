//! Folders of photos: find, check, decode, split and batch them. No tensors.

mod classes;
#[cfg(feature = "decode")]
mod decode;
mod error;
mod find;
mod geometry;
mod limits;
mod sample;
mod scan;
mod skip;
mod sniff;
mod split;
mod walk;

#[cfg(feature = "decode")]
pub use self::decode::PhotoReader;
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
