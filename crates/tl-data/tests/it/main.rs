//! Everything that can be seen of the crate from outside, in one binary.

#![cfg(feature = "decode")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod atomic;
mod augment;
mod golden;
mod hostile;
mod loader;
mod memory;
mod scan;
mod split;
mod tree;
mod ways_in;
