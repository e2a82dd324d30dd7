//! Tests of the optimizers and of whole runs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::too_many_lines,
    reason = "a test may panic, and says where"
)]

mod finetune;
mod fitted;
mod golden;
mod on_device;
mod optimizer;
mod resume;
mod run;
mod schedule;
mod settings;
