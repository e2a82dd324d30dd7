//! A batch of photos.

use std::{fmt, sync::Arc};

use super::job::{Shared, lock};
use crate::skip::Skipped;

/// Photos in memory, ready for a network.
pub struct Batch {
    /// `[n, side, side, 3]` RGB bytes; see [`Batch::pixels`].
    pub(super) pixels: Vec<u8>,
    /// Labels of the photos, `[n]`.
    pub labels: Vec<usize>,
    /// Positions of the photos in the list of samples, `[n]`.
    pub positions: Vec<usize>,
    /// Photos of this batch that could not be read, and why: they are in neither list.
    pub skipped: Vec<Skipped>,
    pub(super) shared: Arc<Shared>,
}

impl Batch {
    /// `[n, side, side, 3]` RGB bytes.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Number of photos.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether every photo of the batch was skipped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch")
            .field("positions", &self.positions)
            .field("skipped", &self.skipped)
            .finish_non_exhaustive()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        lock(&self.shared.buffers).push(std::mem::take(&mut self.pixels));
    }
}
