mod batch;
mod job;

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::Ordering,
        mpsc::{Receiver, sync_channel},
    },
};

use rayon::{ThreadPool, ThreadPoolBuilder};

pub use self::batch::Batch;
use self::job::{Job, Shared};
use crate::{
    augment::Augment, decode::PhotoReader, error::DataError, geometry::Geometry, limits::DecodeOptions, sample::Sample,
    threads::n_threads,
};

/// Batches that are worked on while one is used. They bound the memory.
const AHEAD: usize = 2;

/// Largest side of the squares, in pixels; networks see hundreds.
const MAX_SIDE: u32 = 1 << 14;

/// How photos are batched.
#[derive(Debug, Clone)]
pub struct LoaderOptions {
    /// Photos per batch, at least 1. The last batch may be smaller.
    pub batch_size: usize,
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
        Self { batch_size: 32, n_threads: 0, decode: DecodeOptions::default(), augment: None, seed: 0 }
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
    /// [`DataError::Threads`] when the system refuses, [`DataError::Side`] for squares of no use.
    pub fn new(geometry: Geometry, options: LoaderOptions) -> Result<Self, DataError> {
        if !(1..=MAX_SIDE).contains(&geometry.side) {
            return Err(DataError::Side { side: geometry.side, max: MAX_SIDE });
        }
        let pool = ThreadPoolBuilder::new()
            .num_threads(n_threads(options.n_threads))
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
    /// Dropping the pass ends the work on it within the time of one photo.
    #[must_use]
    pub fn pass(&self, samples: Arc<[Sample]>, order: &[usize], epoch: u64) -> Pass {
        let order: Vec<_> = order.iter().copied().filter(|&i| i < samples.len()).collect();
        let todo = order.chunks(self.shared.options.batch_size.max(1)).map(<[usize]>::to_vec).collect();
        let job = Job { shared: Arc::clone(&self.shared), samples, epoch, dropped: Arc::default() };
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
        while self.ahead.len() <= AHEAD {
            let Some(positions) = self.todo.pop_front() else { break };
            let (sender, receiver) = sync_channel(1);
            let job = self.job.clone();
            // Nobody may be listening any more: then the batch is dropped, and its buffer comes back.
            self.pool.spawn(move || drop(sender.send(job.batch(&positions))));
            self.ahead.push_back(receiver);
        }
        self.ahead.pop_front()?.recv().ok()
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        self.job.dropped.store(true, Ordering::Relaxed);
    }
}
