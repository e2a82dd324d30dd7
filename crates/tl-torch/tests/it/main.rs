//! Tests of what lies between Rust and libtorch.
// The helpers of tests may fail as tests do, and say what they measured.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod array;
mod byte_conv;
mod conv;
mod conv_backward;
mod convert;
mod layout;
mod linear;
mod settings;
mod tensor_list;
