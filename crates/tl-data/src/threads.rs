//! How many threads a number stands for.

use std::{num::NonZero, thread};

/// Threads that are meant where `asked` were asked for: 0 takes one per core that the process may use.
#[must_use]
pub fn n_threads(asked: usize) -> usize {
    match asked {
        0 => thread::available_parallelism().map_or(1, NonZero::get),
        n => n,
    }
}
