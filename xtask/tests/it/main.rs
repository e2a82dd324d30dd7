//! Tests of the project's chores and of its architecture. No test leaves this machine.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod architecture;
mod cuda;
mod download;
mod fetch;
mod graphdef;
mod index;
mod manifest;
mod pickle;
mod server;
mod source_text;
mod torch_file;
