//! Tests of what lies between Rust and libtorch.

mod conv;
mod convert;
mod layout;
mod linear;
mod settings;
