//! Folders of photos: find, check, decode, split, augment and batch them.
//!
//! Any folder of real photos goes in: a folder per class, parts for training and validation, lists, file names with
//! labels.
//! Samples, splits and batches of RGB bytes come out, the same bits for the same seed on any number of threads.
//! A file that cannot be used is never lost and never stops the others: it comes back as [`Skipped`], with its path
//! and a [`SkipReason`].
//! The crate deliberately knows nothing of tensors, networks and their normalisation, and it neither prints nor
//! deletes.
//!
//! ```
//! use tl_data::{DecodeOptions, Geometry, PhotoReader, ScanOptions, Split, SplitOptions, scan, stratified_split};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let root = tempfile::tempdir()?;
//! # for (class, n) in [("cat", 1), ("cat", 2), ("dog", 3), ("dog", 4)] {
//! #     std::fs::create_dir_all(root.path().join(class))?;
//! #     let photo = include_bytes!("../tests/it/golden/rgb8.png");
//! #     std::fs::write(root.path().join(format!("{class}/{n}.png")), [&photo[..], &[n]].concat())?;
//! # }
//! # let root = root.path();
//! let folder = scan(root, &ScanOptions::default())?;
//! assert_eq!(folder.classes, ["cat", "dog"]);
//! let Split { train, val, .. } = stratified_split(folder.train, &folder.classes, &SplitOptions::default())?;
//! assert_eq!((train.len(), val.len()), (2, 2));
//!
//! // Short side to 256, then the central 224 x 224, as torchvision does.
//! let geometry = Geometry::crop(256, 224);
//! let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
//! let mut pixels = vec![0; geometry.n_bytes()];
//! for sample in &train {
//!     match reader.read(&sample.path, &mut pixels) {
//!         Ok(()) => assert_eq!(pixels.len(), 224 * 224 * 3),
//!         Err(reason) => eprintln!("{} {reason}", sample.path.display()),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Without the feature `decode` (on by default) only the vocabulary is there: scanning, lists, splits and the lines
//! of augmentations, and no image decoder is compiled.

mod atomic;
mod augment;
mod classes;
mod data_set;
#[cfg(feature = "decode")]
mod decode;
mod error;
mod find;
mod geometry;
mod label_sets;
mod limits;
mod list;
#[cfg(feature = "decode")]
mod loader;
mod parts;
mod pattern;
mod sample;
mod scan;
mod skip;
mod sniff;
mod split;
mod threads;
mod walk;

pub use self::{
    atomic::{Draft, write_atomically},
    augment::{Augment, Definition, Param, Step, View, definitions},
    data_set::{is_list, read_data},
    error::DataError,
    find::find_photos,
    geometry::{Fit, Geometry},
    label_sets::{LabelSets, Labels},
    limits::{DecodeOptions, Limits},
    list::{List, read_list},
    pattern::scan_by_pattern,
    sample::{Folder, Sample},
    scan::{ScanOptions, scan, scan_with_val},
    skip::{SkipReason, Skipped},
    split::{
        FoldOptions, Folds, Leak, Split, SplitOptions, Together, exact_duplicates, kept_together, leaks, leaks_among,
        stratified_folds, stratified_split, stratified_split_by_sets,
    },
    threads::n_threads,
};
#[cfg(feature = "decode")]
pub use self::{
    decode::PhotoReader,
    loader::{Batch, Loader, LoaderOptions, Pass},
    split::{PerceptualHash, near_duplicates, perceptual_hashes, same_pictures},
};
