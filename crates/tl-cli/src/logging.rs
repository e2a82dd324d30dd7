//! Logs to standard error.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicBool, Ordering},
};

use tracing_subscriber::{EnvFilter, fmt};

static IS_JSON: AtomicBool = AtomicBool::new(false);

/// Starts the log: warnings, or what `RUST_LOG` asks for; as JSON lines, with all that happens, when asked.
pub(crate) fn start(json: bool) {
    IS_JSON.store(json, Ordering::Relaxed);
    let default = if json { "tl=info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second start, in tests, keeps the first.
    let _ = match json {
        true => log.json().flatten_event(true).try_init(),
        false => log.without_time().with_ansi(io::stderr().is_terminal()).try_init(),
    };
}

/// Whether standard error holds JSON lines and nothing else.
pub(crate) fn is_json() -> bool {
    IS_JSON.load(Ordering::Relaxed)
}
