//! Project chores: fetch libtorch, weights and sample photos; say what is missing; run every check.
//!
//! It deliberately uses none of the crates that link libtorch, because it must build before libtorch is there.

pub mod convert;
