//! Tests of the optimizers and of whole runs.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a test may panic, and says where"
)]

mod finetune;
mod golden;
mod optimizer;
mod run;
mod schedule;
