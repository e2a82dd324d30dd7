//! Processors that there are no kernels for.

use crate::{KernelError, Layer, NetworkOptions};

/// Stands for the network on other processors; there is no way to make one.
#[derive(Debug)]
pub enum Network {}

impl Network {
    /// Always [`KernelError::Unsupported`].
    pub fn new(_: &[Layer], options: &NetworkOptions) -> Result<Self, KernelError> {
        Err(KernelError::Unsupported { numbers: options.numbers.name() })
    }

    /// As on the others.
    #[must_use]
    pub fn n_features(&self) -> usize {
        match *self {}
    }

    /// As on the others.
    #[must_use]
    pub fn shape(&self) -> [usize; 3] {
        match *self {}
    }

    /// As on the others.
    pub fn features(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        match *self {}
    }

    /// As on the others.
    pub fn activations(&mut self, _: &[u8], _: &mut [f32]) -> Result<(), KernelError> {
        match *self {}
    }
}
