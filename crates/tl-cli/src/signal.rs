//! Ctrl-C and SIGTERM.

use std::{
    process,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::EXIT_INTERRUPTED;

/// A flag that the first signal sets. The second leaves at once: whatever was saved last is whole.
#[allow(clippy::exit, reason = "a second Ctrl-C means now")]
pub(crate) fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let handler = move || {
        if flag.swap(true, Ordering::Relaxed) {
            process::exit(EXIT_INTERRUPTED.into());
        }
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        tracing::warn!("Ctrl-C will end tl at once: {error}");
    }
    stop
}
