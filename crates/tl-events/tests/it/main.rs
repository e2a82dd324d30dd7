//! Tests of tl-events from outside.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "a test may panic, and says where")]

mod files;
mod golden;
