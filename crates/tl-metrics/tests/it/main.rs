//! Tests of the public interface.

#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may panic, and may ask for the very bits")]

mod errors;
mod golden;
mod properties;
mod records;
mod text;
