//! End-to-end tests through the real binary.

mod bad_input;
mod harness;
mod imagenet;
mod interrupt;
mod predict;
mod text;
mod train;
