//! Processors that there are no kernels for.

use crate::{KernelError, Layer, NetworkOptions};

/// Stands for the network on other processors; there is no way to make one.
#[derive(Debug)]
#[non_exhaustive]
pub struct Network {}

impl Network {
    /// Always [`KernelError::Unsupported`].
    pub fn new(_: &[Layer], options: &NetworkOptions) -> Result<Self, KernelError> {
        Err(KernelError::Unsupported { numbers: options.numbers.name() })
    }

    /// As on the others.
    #[must_use]
    pub fn n_features(&self) -> usize {
        0
    }

    /// As on the others.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        [0; 3]
    }

    /// Always [`KernelError::Unsupported`].
    pub fn features(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        Err(KernelError::Unsupported { numbers: "networks" })
    }

    /// Always [`KernelError::Unsupported`].
    pub fn activations(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        Err(KernelError::Unsupported { numbers: "networks" })
    }
}
