//! End-to-end tests through the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test may panic, and says where"
)]

mod bad_input;
mod cache;
mod cuda;
mod data;
mod events;
mod features;
mod harness;
mod hostile;
mod imagenet;
mod imbalance;
mod interrupt;
mod kill;
mod late_loading;
mod lr_find;
mod multi_label;
mod predict;
mod text;
mod train;
