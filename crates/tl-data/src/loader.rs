use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, sync_channel},
    },
    time::Duration,
};

use rayon::{ThreadPool, ThreadPoolBuilder, prelude::*};

use crate::{
    augment::{Augment, View},
    decode::PhotoReader,
    error::DataError,
    geometry::Geometry,
    limits::DecodeOptions,
    sample::Sample,
    skip::{SkipReason, Skipped},
};

/// How often a waiting loader looks whether it should stop.
const STOP_INTERVAL: Duration = Duration::from_millis(20);

/// How photos are batched.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Photos per batch, at least 1. The last batch may be smaller.
    pub batch_size: usize,
    /// Batches that are worked on ahead of the one that is used, at least 1. They bound the memory.
    pub prefetch: usize,
    /// Decoding threads; 0 takes one per core.
    pub n_threads: usize,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
    /// Changes to each photo; `None` shows photos as they are.
    pub augment: Option<Augment>,
    /// Seed of the augmentation.
    pub seed: u64,
}

impl Default for LoaderOptions {
    fn default() -> Self {
        Self { batch_size: 32, prefetch: 2, n_threads: 0, decode: DecodeOptions::default(), augment: None, seed: 0 }
    }
}

/// Decodes photos in batches on threads of its own, ahead of their use and in order.
///
/// A fixed number of batches is in memory at a time, and their buffers are used again.
/// The batches are the same, bit by bit, for any number of threads.
#[derive(Debug)]
pub struct Loader {
    pool: Arc<ThreadPool>,
    shared: Arc<Shared>,
}

impl Loader {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`DataError::Threads`] when the system refuses.
    pub fn new(geometry: Geometry, options: LoaderOptions) -> Result<Self, DataError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(options.n_threads)
            .thread_name(|i| format!("photos-{i}"))
            .build()
            .map_err(|error| DataError::Threads { reason: error.to_string() })?;
        let reader = || Mutex::new(PhotoReader::new(geometry, options.decode));
        let readers = (0..pool.current_num_threads()).map(|_| reader()).collect();
        let shared = Shared { geometry, options, readers, buffers: Mutex::default() };
        Ok(Self { pool: Arc::new(pool), shared: Arc::new(shared) })
    }

    /// The batches of one pass over `samples`, in their order.
    ///
    /// `epoch` and a sample's position in `samples` decide its augmentation, so keep the list and shuffle `order`:
    /// positions in `samples`, in the order wanted; positions beyond the end are passed over.
    /// After `stop` is set the pass ends within the time of one photo; dropping the pass stops it as well.
    #[must_use]
    pub fn pass(&self, samples: Arc<[Sample]>, order: &[usize], epoch: u64, stop: Arc<AtomicBool>) -> Pass {
        let order: Vec<_> = order.iter().copied().filter(|&i| i < samples.len()).collect();
        let todo = order.chunks(self.shared.options.batch_size.max(1)).map(<[usize]>::to_vec).collect();
        let job = Job { shared: Arc::clone(&self.shared), samples, epoch, stop, dropped: Arc::default() };
        Pass { pool: Arc::clone(&self.pool), job, todo, ahead: VecDeque::new() }
    }
}

/// One pass over the photos; yields its batches in order.
#[derive(Debug)]
pub struct Pass {
    pool: Arc<ThreadPool>,
    job: Job,
    todo: VecDeque<Vec<usize>>,
    ahead: VecDeque<Receiver<Batch>>,
}

impl Iterator for Pass {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        while self.ahead.len() < self.job.shared.options.prefetch.max(1) + 1 && !self.job.is_stopped() {
            let Some(positions) = self.todo.pop_front() else { break };
            let (sender, receiver) = sync_channel(1);
            let job = self.job.clone();
            // Nobody may be listening any more: then the batch is dropped, and its buffer comes back.
            self.pool.spawn(move || drop(sender.send(job.batch(&positions))));
            self.ahead.push_back(receiver);
        }
        let batch = self.ahead.pop_front()?;
        while !self.job.is_stopped() {
            match batch.recv_timeout(STOP_INTERVAL) {
                Ok(batch) => return Some(batch),
                Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => break,
            }
        }
        self.ahead.clear();
        None
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.job.dropped.store(true, Ordering::Relaxed);
    }
}

/// Photos in memory, ready for a network.
pub struct Batch {
    /// `[n, side, side, 3]` RGB bytes; see [`Batch::pixels`].
    pixels: Vec<u8>,
    /// Labels of the photos, `[n]`.
    pub labels: Vec<usize>,
    /// Positions of the photos in the list of samples, `[n]`.
    pub positions: Vec<usize>,
    /// Photos of this batch that could not be read, and why: they are in neither list.
    pub skipped: Vec<Skipped>,
    shared: Arc<Shared>,
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

/// What the threads share.
struct Shared {
    geometry: Geometry,
    options: LoaderOptions,
    /// One per thread, so a lock never waits.
    readers: Vec<Mutex<PhotoReader>>,
    /// Buffers of batches that were used.
    buffers: Mutex<Vec<Vec<u8>>>,
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
struct Job {
    shared: Arc<Shared>,
    samples: Arc<[Sample]>,
    epoch: u64,
    stop: Arc<AtomicBool>,
    dropped: Arc<AtomicBool>,
}

impl Job {
    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.dropped.load(Ordering::Relaxed)
    }

    /// Decodes a batch, its photos in parallel, and closes the gaps that skipped photos leave.
    fn batch(&self, positions: &[usize]) -> Batch {
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
        if self.is_stopped() {
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
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
