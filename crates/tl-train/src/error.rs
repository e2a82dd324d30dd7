//! What can go wrong in a run.

use std::{io, path::PathBuf};

use tl_backbone::BackboneError;
use tl_data::DataError;
use tl_features::FeatureError;
use tl_head::HeadError;
use tl_metrics::MetricsError;
use tl_model::ModelError;
use tl_torch::TorchError;

/// Why a run could not start or go on.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings that cannot be used, all of them.
    #[error("{}", problems.join("\n"))]
    Options {
        /// A sentence for each.
        problems: Vec<String>,
    },
    /// The photos cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Every photo of a class was broken.
    #[error(
        "no photo of class `{class}` could be read, {n_skipped} were skipped (the first: {first}); mend or remove the class"
    )]
    NothingReadable {
        /// The class.
        class: String,
        /// Photos of all classes that were skipped.
        n_skipped: usize,
        /// Path and reason of the first.
        first: String,
    },
    /// A class has photos, and training got none of them.
    #[error(
        "no training photo has class `{class}`: the few there are went to validation; add photos, say in the column \
         `split` which to train on, or try another --seed"
    )]
    NothingToLearn {
        /// The class.
        class: String,
    },
    /// More files were left out than allowed.
    #[error(
        "{n_skipped} of {n_files} files were skipped (the first: {first}), and at most {:.0} % may be; mend or remove \
         them, or allow more with --max-skipped",
        allowed * 100.0
    )]
    TooManySkipped {
        /// Files left out.
        n_skipped: usize,
        /// Files in all.
        n_files: usize,
        /// Fraction allowed.
        allowed: f64,
        /// Path and reason of the first.
        first: String,
    },
    /// The loss left the numbers.
    #[error("the loss became {loss} in epoch {epoch}; train again at a smaller learning rate than {rates}")]
    Diverged {
        /// The loss.
        loss: f64,
        /// The epoch, from 1.
        epoch: usize,
        /// The learning rates, in words.
        rates: String,
    },
    /// What was frozen moved; a mistake in this program.
    #[error("frozen weights or statistics of the backbone changed while it was trained; please report this")]
    FrozenMoved,
    /// The file of class weights cannot be used.
    #[error("the class weights in {} cannot be used: {}", path.display(), problems.join("; "))]
    ClassWeights {
        /// The file.
        path: PathBuf,
        /// A sentence for each problem, naming the class.
        problems: Vec<String>,
    },
    /// A photo that could be read at first no longer can.
    #[error("{} {reason} (it could be read when the run began); leave the photos alone and --resume", path.display())]
    PhotoLost {
        /// The photo.
        path: PathBuf,
        /// Why it cannot be read.
        reason: String,
    },
    /// The system gave no thread.
    #[error("cannot start a worker thread: {0}; lower --threads")]
    Thread(io::Error),
    /// A worker ended without a result.
    #[error("a worker thread of fine-tuning was lost; please report this")]
    WorkerLost,
    /// Gradients that are not those of the optimizer's parameters.
    #[error(
        "the optimizer's parameters have shapes {expected}, but the gradients have {found}; give one for each, in order"
    )]
    Gradients {
        /// Shapes of the parameters.
        expected: String,
        /// Shapes of the gradients.
        found: String,
    },
    /// The run folder is taken.
    #[error("the run folder {} is there already; choose another --name, or --resume it", path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
    },
    /// The run folder or a file in it cannot be written.
    #[error("cannot write into {}: {source}; choose another --out, or free some space", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There is nothing to resume.
    #[error("{} cannot be resumed: {reason}", path.display())]
    Resume {
        /// The run folder.
        path: PathBuf,
        /// Why not, and what to do.
        reason: String,
    },
    /// A checkpoint is of other photos.
    #[error(
        "{} cannot be resumed: the photos have changed since it was interrupted{}; train again",
        path.display(),
        change.as_ref().map(|change| format!(": {change}")).unwrap_or_default()
    )]
    PhotosChanged {
        /// The checkpoint.
        path: PathBuf,
        /// The first change, where it is known.
        change: Option<String>,
    },
    /// The backbone cannot be used.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The photos could not be turned into features.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// The head cannot be used.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The results could not be summed up.
    #[error(transparent)]
    Metrics(#[from] MetricsError),
    /// A model or checkpoint could not be written or read.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// libtorch refused a tensor.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl TrainError {
    /// Whether the system would not take a file of the run, as on a full disk: what was computed is none the worse.
    pub(crate) fn is_of_writing(&self) -> bool {
        matches!(self, Self::Write { .. } | Self::Model(ModelError::Write { .. }))
    }
}

impl From<tch::TchError> for TrainError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
