//! What can go wrong with a model file.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use tl_backbone::BackboneError;
use tl_features::FeatureError;
use tl_head::HeadError;
use tl_torch::TorchError;

/// Why a model could not be written, opened or run.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Nothing has the model's name.
    #[error(
        "there is no model at {}; check the spelling, or give the model.safetensors that `tl train` left in the folder \
         of a run",
        path.display()
    )]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// A folder where a file was asked for.
    #[error("{} is a folder; give the model.safetensors that a finished run has in it", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file cannot be read.
    #[error("the model {} cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not, and the remedy.
        reason: String,
    },
    /// The file cannot be written; what stood there before still does.
    #[error("cannot write {}: {source}; what was there before is untouched", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The bytes are no safetensors file, or only the first part of one.
    #[error(
        "{} is not a model that tl wrote, or is only a part of one ({reason}); copy it again, or give the \
         model.safetensors of a run folder",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser met.
        reason: String,
    },
    /// A safetensors file, but none of ours.
    #[error("{} holds tensors but is not a tl {wanted}; give the model.safetensors of a run folder", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What was looked for: `model` or `checkpoint`.
        wanted: &'static str,
    },
    /// Written by a newer tl.
    #[error(
        "{} has format {found}, and this tl reads up to format {known}: update tl, or train the model again with this one",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The file's format version.
        found: u32,
        /// The newest version known here.
        known: u32,
    },
    /// A field of the header is missing or makes no sense.
    #[error("{}: its field `{field}` is missing or wrong ({reason}); the file was changed after tl wrote it", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field of the header.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The network gives other answers here than it gave where it was trained.
    #[error(
        "the answers of {} changed: on built-in picture {picture} a logit is off by {difference:.2e}, allowed are \
         {allowed:.0e}; the file or this machine's libtorch is damaged",
        path.display()
    )]
    Golden {
        /// The file.
        path: PathBuf,
        /// Number of the built-in picture.
        picture: usize,
        /// Largest difference, relative to the largest logit.
        difference: f64,
        /// Largest difference allowed.
        allowed: f64,
    },
    /// The numbers, or what the header says of them, are not those that were saved.
    #[error("what {} holds is not what was saved; copy it again, or train again", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// As many names of classes as the head has answers are wanted.
    #[error("the head gives {n_answers} answers, and there are {n_names} names of classes; give each answer its name")]
    Classes {
        /// Answers of the head.
        n_answers: usize,
        /// Names.
        n_names: usize,
    },
    /// What comes out is no number.
    #[error("the model's answer is no number: its weights are damaged, or its training diverged; train it again")]
    NoNumber,
    /// The backbone's weights are unfit.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The head's weights are unfit.
    #[error(transparent)]
    Head(#[from] HeadError),
    /// The photos could not be turned into features.
    #[error(transparent)]
    Features(#[from] FeatureError),
    /// libtorch refused a tensor.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl ModelError {
    /// What it means that the system would not open a model.
    pub(crate) fn refused(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Missing { path: path.to_owned() },
            kind => Self::unfit(path, &format!("{kind}; check its permissions, or copy it again")),
        }
    }

    pub(crate) fn unfit(path: &Path, reason: &str) -> Self {
        Self::Read { path: path.to_owned(), reason: reason.to_owned() }
    }
}
