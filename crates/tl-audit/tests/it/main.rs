//! Tests of the public interface.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and says where")]

mod findings;
#[cfg(unix)]
mod hostile;
mod properties;
mod work;
