//! One network for each of several threads.

use std::sync::{Mutex, PoisonError};

use crate::{
    engine::Engine,
    error::BackboneError,
    network::{CompileOptions, Network},
    precision::Precision,
    weights::Weights,
};

/// The same network for as many threads as ask for one.
///
/// In kernels of our own all share the packed weights: they are packed once, when the first thread asks, and lie once in
/// the cache that the cores share, which is too small on many processors for as many copies as there are cores. On
/// libtorch's operators each packs its own.
#[derive(Debug)]
pub struct Networks {
    weights: Weights,
    options: CompileOptions,
    first: Mutex<Option<Network>>,
}

impl Networks {
    /// Compiles nothing yet.
    #[must_use]
    pub fn new(weights: &Weights, options: CompileOptions) -> Self {
        Self { weights: weights.clone(), options, first: Mutex::new(None) }
    }

    /// Their arithmetic.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.options.precision
    }

    /// A network for one more thread.
    ///
    /// # Errors
    /// As [`Network::compile_with`].
    pub fn for_thread(&self) -> Result<Network, BackboneError> {
        if self.options.engine != Engine::Auto || !Network::has_kernels(self.options.precision) {
            return Network::compile_with(&self.weights, &self.options);
        }
        // A thread that asks meanwhile waits for less time than it would need to pack another copy.
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(network) = first.as_ref().and_then(Network::sharing) {
            return Ok(network);
        }
        let network = Network::compile_with(&self.weights, &self.options)?;
        *first = network.sharing();
        Ok(network)
    }
}
