//! Processors that there are no kernels for.

use crate::{Instructions, KernelError, Layer, Matrix, NetworkOptions, Numbers};

/// Stands for the network on other processors; there is no way to make one.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Network {}

impl Network {
    /// As on the others.
    ///
    /// # Errors
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

    /// As on the others.
    ///
    /// # Errors
    /// Always [`KernelError::Unsupported`].
    pub fn features(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        Err(KernelError::Unsupported { numbers: "networks" })
    }

    /// As on the others.
    ///
    /// # Errors
    /// Always [`KernelError::Unsupported`].
    pub fn activations(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        Err(KernelError::Unsupported { numbers: "networks" })
    }
}

/// Stands for the processor; there is no way to make one.
pub(crate) enum Processor {}

impl Processor {
    /// Always [`KernelError::Unsupported`].
    pub(crate) fn new(_: Option<Instructions>, numbers: Numbers) -> Result<Self, KernelError> {
        Err(KernelError::Unsupported { numbers: numbers.name() })
    }

    pub(crate) fn multiply(self, _: Matrix<'_>, _: &[f32], _: &mut [f32]) {
        match self {}
    }
}
