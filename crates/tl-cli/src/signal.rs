//! Ctrl-C and SIGTERM.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::{EXIT_INTERRUPTED, terminal};

/// A flag that the first signal sets.
pub(crate) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    if let Err(error) = ctrlc::set_handler(move || self::stop(&flag)) {
        tracing::warn!("Ctrl-C will end tl at once: {error}");
    }
    stop
}

/// Sets the flag of [`stop_flag`]. The second time leaves at once: whatever was saved last is whole.
#[allow(clippy::exit, reason = "a second Ctrl-C means now")]
pub(crate) fn stop(flag: &AtomicBool) {
    if flag.swap(true, Ordering::Relaxed) {
        terminal::release();
        process::exit(EXIT_INTERRUPTED.into());
    }
}
