//! Ctrl-C and SIGTERM.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crate::{EXIT_INTERRUPTED, output, terminal};

/// A file that may not grow any further is an error of writing like others, not the end of the process.
#[cfg(unix)]
pub(crate) fn outlive_size_limits() {
    // Without a handler, whatever it does, the system ends the process.
    let handled = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, handled);
}

/// There is no such signal there.
#[cfg(not(unix))]
pub(crate) fn outlive_size_limits() {}

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
pub(crate) fn stop(flag: &AtomicBool) {
    if flag.swap(true, Ordering::Relaxed) {
        terminal::release();
        output::line("Left at once; what was saved last is whole.");
        tl_torch::exit_now(EXIT_INTERRUPTED.into());
    }
}
