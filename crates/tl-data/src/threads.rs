//! How many threads a number stands for.

use std::{num::NonZero, thread};

use rayon::ThreadPoolBuilder;

/// Threads that are meant where `asked` were asked for: 0 takes one per core that the process may use.
#[must_use]
pub fn n_threads(asked: usize) -> usize {
    match asked {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        n => n,
    }
}

/// Does `work` on a pool of so many threads, which the environment has no say in. Where the system starts none, the work
/// is done on those that there are: it takes longer and comes to the same.
pub(crate) fn in_pool<T: Send>(asked: usize, work: impl FnOnce() -> T + Send) -> T {
    match ThreadPoolBuilder::new().num_threads(n_threads(asked)).build() {
        Ok(pool) => pool.install(work),
        Err(_) => work(),
    }
}
