//! What can be wrong with a network.

/// Why a network cannot be built or run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The processor lacks the instructions.
    #[error("this processor has no instructions for {numbers}: ask Numbers::is_supported first")]
    Unsupported {
        /// What was asked for.
        numbers: &'static str,
    },
    /// A layer that there is no kernel for, or whose slices do not have its shape.
    #[error("layer {layer}: {problem}")]
    Layer {
        /// Its position.
        layer: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A photo or a row of features of another size.
    #[error("{what} must have {wanted} values, not {found}")]
    Size {
        /// The photo or the features.
        what: &'static str,
        /// As the network has it.
        wanted: usize,
        /// As it was given.
        found: usize,
    },
}

/// Whether `what` has as many values as it must.
pub(crate) fn check_size(what: &'static str, wanted: usize, found: usize) -> Result<(), KernelError> {
    if wanted == found { Ok(()) } else { Err(KernelError::Size { what, wanted, found }) }
}
