//! The one error type of this crate.

use tch::{Kind, TchError};

/// What can go wrong between Rust and libtorch.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TorchError {
    /// libtorch refused; the first line of what it said (the rest is its stack).
    #[error("libtorch: {0}")]
    Libtorch(String),
    /// A slice does not hold what the shape asks for.
    #[error("a tensor of shape {shape:?} has {wanted} values, but {found} were given")]
    Length {
        /// The shape asked for.
        shape: Vec<i64>,
        /// How many values it has.
        wanted: usize,
        /// How many the slice has.
        found: usize,
    },
    /// A shape with a negative side, or with more values than fit into memory.
    #[error("{0:?} is no shape of a tensor")]
    Shape(Vec<i64>),
    /// An operation met a tensor of another shape than it was made for.
    #[error("{operation} was made for an input of shape {wanted:?}, but got {found:?}")]
    Input {
        /// The operation.
        operation: &'static str,
        /// The shape it was made for.
        wanted: Vec<i64>,
        /// The shape it got.
        found: Vec<i64>,
    },
    /// A convolution of bytes was asked to add to a residual that it was told nothing of.
    #[error("this convolution of bytes cannot add to a residual; give it the scales of its output and its residual")]
    Residual,
    /// A layer with an activation was asked to add to a residual.
    #[error("a layer with an activation cannot add to a residual; apply the activation behind the sum")]
    SumWithActivation,
    /// Weights, bias and groups of a layer do not fit each other or the input.
    #[error(
        "weights of shape {weight:?} and bias of shape {bias:?} in {groups} groups do not make a layer for {n_in} inputs"
    )]
    Weights {
        /// Shape of the weights.
        weight: Vec<i64>,
        /// Shape of the bias.
        bias: Vec<i64>,
        /// Groups of channels.
        groups: i64,
        /// Inputs: channels or features.
        n_in: i64,
    },
    /// The values of a tensor cannot be seen as a slice.
    #[error("expected a dense {wanted:?} tensor in memory of the CPU, but got {found}; convert it first")]
    NotDense {
        /// The kind of values asked for.
        wanted: Kind,
        /// What the tensor is.
        found: String,
    },
    /// The part of libtorch that computes on GPUs could not be loaded; the system's reason.
    #[error("libtorch's part for GPUs cannot be loaded: {0}")]
    Gpus(String),
    /// A file of tensors cannot be read; the system's reason names it.
    #[error(transparent)]
    Read(#[from] std::io::Error),
    /// A file that is no safetensors file, or only the first part of one.
    #[error(transparent)]
    Safetensors(#[from] safetensors::SafeTensorError),
    /// The threads of a pool could not be started.
    #[error("no threads could be started: {0}; try fewer")]
    Threads(String),
}

impl From<TchError> for TorchError {
    fn from(error: TchError) -> Self {
        let text = match error {
            TchError::Torch(text) => text,
            other => other.to_string(),
        };
        Self::from_message(&text)
    }
}

impl TorchError {
    /// libtorch's messages are pages of C++ stack: the first line says what happened.
    pub(crate) fn from_message(message: &str) -> Self {
        Self::Libtorch(message.lines().next().unwrap_or("unknown error").trim().to_owned())
    }
}
