//! The loader's work, thread by thread.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rayon::prelude::*;

use super::{LoaderOptions, batch::Batch};
use crate::{
    augment::View,
    decode::PhotoReader,
    geometry::Geometry,
    sample::Sample,
    skip::{SkipReason, Skipped},
};

/// What the threads share.
pub(super) struct Shared {
    pub(super) geometry: Geometry,
    pub(super) options: LoaderOptions,
    /// One per thread, so a lock never waits.
    pub(super) readers: Vec<Mutex<PhotoReader>>,
    /// Buffers of batches that were used.
    pub(super) buffers: Mutex<Vec<Vec<u8>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("geometry", &self.geometry)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// What one pass needs in the threads.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) shared: Arc<Shared>,
    pub(super) samples: Arc<[Sample]>,
    pub(super) epoch: u64,
    pub(super) dropped: Arc<AtomicBool>,
}

impl Job {
    /// Decodes a batch, its photos in parallel, and closes the gaps that skipped photos leave.
    pub(super) fn batch(&self, positions: &[usize]) -> Batch {
        let n_bytes = self.shared.geometry.n_bytes();
        let mut pixels = lock(&self.shared.buffers).pop().unwrap_or_default();
        pixels.resize(positions.len() * n_bytes, 0);
        let results: Vec<_> = pixels
            .par_chunks_exact_mut(n_bytes.max(1))
            .zip(positions)
            .map(|(out, &position)| self.photo(position, out))
            .collect();

        let mut batch = Batch {
            pixels,
            labels: Vec::new(),
            positions: Vec::new(),
            skipped: Vec::new(),
            shared: Arc::clone(&self.shared),
        };
        for (i, (result, &position)) in results.into_iter().zip(positions).enumerate() {
            let sample = &self.samples[position];
            if let Err(reason) = result {
                batch.skipped.push(Skipped { path: sample.path.clone(), reason });
                continue;
            }
            batch.pixels.copy_within(i * n_bytes..(i + 1) * n_bytes, batch.labels.len() * n_bytes);
            batch.labels.push(sample.label);
            batch.positions.push(position);
        }
        batch.pixels.truncate(batch.labels.len() * n_bytes);
        batch
    }

    fn photo(&self, position: usize, out: &mut [u8]) -> Result<(), SkipReason> {
        if self.dropped.load(Ordering::Relaxed) {
            return Err(SkipReason::Stopped);
        }
        let thread = rayon::current_thread_index().unwrap_or(0);
        let mut reader = lock(&self.shared.readers[thread]);
        let path = &self.samples[position].path;
        match &self.shared.options.augment {
            None => reader.read(path, out),
            Some(augment) => {
                let view = View { seed: self.shared.options.seed, epoch: self.epoch, sample: position as u64 };
                reader.read_augmented(path, augment, view, out)
            }
        }
    }
}

/// A lock is poisoned only when a thread panicked while it held it; readers and buffers are good all the same.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
