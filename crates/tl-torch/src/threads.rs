//! How many threads an operator may use.

use std::thread::{self, JoinHandle};

use crate::error::TorchError;

/// Sets how many threads each operator may use when it is called from the calling thread.
///
/// A worker that owns its network sets 1: several workers with a thread each are faster than one network on
/// all cores, and every sum has one order. Only the binary, or a thread that a library started itself, calls
/// this.
pub fn set_intra_op_threads(n: usize) {
    // A thread's first operator takes over what any other thread set last; being asked counts as the first.
    let _ = tch::get_num_threads();
    tch::set_num_threads(i32::try_from(n.max(1)).unwrap_or(i32::MAX));
}

/// libtorch being loaded on a thread of its own, in a binary that loads it late: a fifth of a second that need not be waited
/// for while photos are read.
///
/// Dropping it waits for the end: a process that leaves meanwhile crashes, because what has been loaded is taken apart
/// under the hands of the thread that loads.
#[derive(Debug)]
pub struct LoadingAhead(Option<JoinHandle<i32>>);

impl LoadingAhead {
    /// Begins it. Where no thread can be had, libtorch is loaded when it is needed.
    #[must_use]
    pub fn begin() -> Self {
        Self(thread::Builder::new().name("libtorch".to_owned()).spawn(tch::get_num_threads).ok())
    }
}

impl Drop for LoadingAhead {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // It has nothing to say.
            drop(thread.join());
        }
    }
}

/// A pool of `n_threads` threads, at least one, that call libtorch, each holding it to one thread.
///
/// A pool that is not set up so gets a team of threads from libtorch in each of its own.
///
/// # Errors
/// [`TorchError::Threads`] when the system refuses.
pub fn thread_pool(n_threads: usize) -> Result<rayon::ThreadPool, TorchError> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads.max(1))
        .thread_name(|i| format!("torch-{i}"))
        .start_handler(|_| set_intra_op_threads(1))
        .build()
        .map_err(|error| TorchError::Threads(error.to_string()))
}
