//! Folders of photos: find, check, decode, split and batch them. No tensors.

mod augment;
mod classes;
#[cfg(feature = "decode")]
mod decode;
mod error;
mod find;
mod geometry;
mod limits;
mod list;
#[cfg(feature = "decode")]
mod loader;
mod pattern;
mod sample;
mod scan;
mod skip;
mod sniff;
mod split;
mod walk;

pub use self::{
    augment::{Augment, Definition, Param, Step, View, definitions},
    error::DataError,
    find::find_photos,
    geometry::{Fit, Geometry},
    limits::{DecodeOptions, Limits},
    list::{List, read_list},
    pattern::scan_by_pattern,
    sample::{Folder, Sample},
    scan::{ScanOptions, scan, scan_with_val},
    skip::{SkipReason, Skipped},
    split::{
        FoldOptions, Folds, Leak, SplitOptions, Together, exact_duplicates, leaks, stratified_folds, stratified_split,
    },
};
#[cfg(feature = "decode")]
pub use self::{
    decode::PhotoReader,
    loader::{Batch, Loader, LoaderOptions, Pass},
    split::{PerceptualHash, near_duplicates, perceptual_hashes},
};
