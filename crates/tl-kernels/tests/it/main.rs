//! The kernels against plain loops.
// The helpers of tests may fail as tests do, and say what they measured.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod errors;
mod matrix;
mod network;
mod random;
mod reference;
mod rounding;
