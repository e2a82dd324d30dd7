//! What can go wrong with a head.

use tl_torch::TorchError;

/// Why a head could not be made, loaded, run or fitted.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum HeadError {
    /// A configuration that describes no head.
    #[error("{config} describes no head: {problem}")]
    Config {
        /// The configuration, as sizes: `1024-512-3`.
        config: String,
        /// What is wrong with it and what would be right.
        problem: &'static str,
    },
    /// Parameters that are not those of the configuration.
    #[error("these are not the parameters of the head {config}: {}; use the configuration they were saved with", problems.join(", "))]
    Parameters {
        /// The configuration, as sizes.
        config: String,
        /// Every missing, unexpected or ill-shaped parameter with its name.
        problems: Vec<String>,
    },
    /// A tensor of another shape than the operation takes.
    #[error("{what} must have shape {expected}, but has {found:?}")]
    Shape {
        /// Name of the argument.
        what: &'static str,
        /// The shape that is needed, in words.
        expected: String,
        /// The shape that was given.
        found: Vec<i64>,
    },
    /// A label that names no class.
    #[error("row {row} has label {label}, but the labels of {n_classes} classes go from 0 to {}", n_classes.saturating_sub(1))]
    Label {
        /// Position of the label.
        row: usize,
        /// The label.
        label: usize,
        /// Classes there are.
        n_classes: usize,
    },
    /// An option outside its range.
    #[error("{name} is {value}, but it must be {range}")]
    Option {
        /// The option.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        range: &'static str,
    },
    /// Numbers that are not finite.
    #[error("{what} are not all finite; look for broken weights or overflowing features")]
    NotFinite {
        /// Which numbers.
        what: &'static str,
    },
    /// It was asked to stop.
    #[error("stopped before the head was fitted")]
    Stopped,
    /// The kernels refused a matrix.
    #[error(transparent)]
    Kernels(#[from] tl_kernels::KernelError),
    /// libtorch refused a tensor.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl From<tch::TchError> for HeadError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
