//! The one error type of this crate.

use std::path::PathBuf;

use tl_torch::TorchError;

/// What can go wrong with a pretrained network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackboneError {
    /// No network has this name.
    #[error("no backbone is called {name:?}; there are {known}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that exist.
        known: String,
    },
    /// The weight file cannot be read.
    #[error("cannot read the weights: {0}")]
    Io(#[from] std::io::Error),
    /// The file is no safetensors file, or it is cut off.
    #[error("{path} is not a whole safetensors file ({reason}); delete it and run `cargo xtask fetch` again")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The tensors are not those of the network.
    #[error("these are not the weights of {backbone}: {problems}")]
    Tensors {
        /// The network that was asked for.
        backbone: &'static str,
        /// Missing and unexpected names, wrong shapes and kinds.
        problems: String,
    },
    /// The pixels are not as many as the pictures need.
    #[error("{n} pictures of {side} x {side} have {wanted} bytes, but {found} were given")]
    Pixels {
        /// How many pictures.
        n: usize,
        /// Their side in pixels.
        side: usize,
        /// How many bytes they have.
        wanted: usize,
        /// How many were given.
        found: usize,
    },
    /// The network has fewer blocks than were asked for.
    #[error("{backbone} has {n_blocks} blocks, so {asked} is out of range")]
    Block {
        /// The network.
        backbone: &'static str,
        /// How many blocks it has.
        n_blocks: usize,
        /// The number asked for.
        asked: usize,
    },
    /// The network has another number of layers than were marked.
    #[error("{backbone} has {n_layers} layers that can be frozen, but {asked} were marked")]
    Layers {
        /// The network.
        backbone: &'static str,
        /// How many it has.
        n_layers: usize,
        /// How many were marked.
        asked: usize,
    },
    /// Devices have no form in whole numbers.
    #[error("{precision} is for processors; add --device cpu, or use f16, bf16 or f32")]
    IntegersOnDevice {
        /// The arithmetic asked for.
        precision: &'static str,
    },
    /// Only kernels of our own compute in whole numbers of 16 bits.
    #[error("int16 is for x86-64 processors with AVX2 and kernels of tl's own; use f32")]
    Int16,
    /// Processors have no form in f16.
    #[error("f16 is for GPUs; on the processor use int16, bf16 or f32")]
    F16,
    /// The network has no form in bytes.
    #[error(
        "{backbone} cannot be computed in int8: only whole networks whose activations are relu6 can; use int16, bf16 or f32"
    )]
    Int8 {
        /// The network.
        backbone: &'static str,
    },
    /// Values or gradients of a folded network are too few.
    #[error("the folded network and its values do not fit; fold it again after freezing other layers")]
    Folded,
    /// The kernels refused.
    #[error(transparent)]
    Kernels(#[from] tl_kernels::KernelError),
    /// libtorch refused.
    #[error(transparent)]
    Torch(#[from] TorchError),
}

impl From<tch::TchError> for BackboneError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
