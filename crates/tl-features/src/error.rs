//! What can go wrong while features are computed or read.

use std::{io, path::PathBuf};

use tl_backbone::BackboneError;
use tl_torch::TorchError;

/// Why features could not be computed. A photo that cannot be read is no error: it is returned as skipped.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum FeatureError {
    /// The backbone could not be prepared or run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// libtorch refused a tensor.
    #[error(transparent)]
    Torch(#[from] TorchError),
    /// The caller asked to stop before all photos were done.
    #[error("stopped after {n_done} of {n_photos} photos")]
    Stopped {
        /// Photos done when the stop was seen.
        n_done: usize,
        /// Photos asked for.
        n_photos: usize,
    },
    /// The cache could not be looked after.
    #[error("the feature cache in {} cannot be read or changed: {source}", folder.display())]
    Cache {
        /// The cache's folder.
        folder: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A worker thread could not be started.
    #[error("no thread could be started to read photos: {0}; try fewer threads")]
    Thread(#[from] io::Error),
    /// A worker ended without delivering its rows, which only a bug can cause.
    #[error("a worker thread ended early, with {n_done} of {n_photos} photos done")]
    WorkerLost {
        /// Photos delivered.
        n_done: usize,
        /// Photos asked for.
        n_photos: usize,
    },
    /// A file is no table of features.
    #[error("{} is no table of features that tl wrote: {reason}", path.display())]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A table whose fields do not fit each other.
    #[error("a table of features is none: {reason}; give as many paths, labels and rows")]
    Part {
        /// What is wrong with it.
        reason: String,
    },
    /// Lists of photos alone, as lie beside arrays.
    #[error("the tables hold paths and labels and no features; give the .npy files that they lie beside")]
    NoRows,
    /// A table of all photos among shards.
    #[error("some of the tables are shards, and another was never parted; leave one or the other out")]
    Whole,
    /// Tables of different networks cannot be put together.
    #[error("the tables hold {widths:?} features per photo; put together only shards of one network")]
    Widths {
        /// The widths, in order of the tables.
        widths: Vec<usize>,
    },
    /// Tables of different networks, or of one in different arithmetic.
    #[error("the tables are of {}; put together only shards of one network in one arithmetic", networks.join(" and "))]
    Networks {
        /// The networks.
        networks: Vec<String>,
    },
    /// Shards of different photos.
    #[error(
        "the shards are not of one list of photos: the photos changed between them, or were named by other paths, or an \
         older version of tl wrote some; make all shards again of the same photos"
    )]
    Lists,
    /// Not all shards were given.
    #[error("shards are missing: {}; give the files of all of them at once", shards.join(", "))]
    Missing {
        /// Those that were not, as `i/n`.
        shards: Vec<String>,
    },
    /// Two tables hold the same photo.
    #[error("{path} is in two of the tables; name each shard once")]
    Twice {
        /// Path of the photo.
        path: String,
    },
}
