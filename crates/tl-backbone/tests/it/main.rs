//! Tests of the pretrained networks.
// The helpers of tests may fail as tests do, and say what they measured.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod backbone;
mod classes;
mod folded;
mod golden;
mod network;
mod registry;
mod support;
mod synced;
mod weights;
