//! Project chores: fetch libtorch, weights and sample photos; say what is missing; run every check.
//!
//! It deliberately uses none of the crates that link libtorch, because it must build before libtorch is there.
//! The modules are public for the tests beside this crate; nothing else uses them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line program prints")]

pub mod archive;
pub mod bench;
pub mod ci;
pub mod convert;
pub mod doctor;
pub mod download;
pub mod fetch;
pub mod files;
pub mod hash;
pub mod index;
pub mod kill_test;
pub mod manifest;
pub mod net;
pub mod progress;
pub mod source;
pub mod workspace;
