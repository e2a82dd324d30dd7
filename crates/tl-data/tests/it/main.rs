//! Everything that can be seen of the crate from outside, in one binary.

mod augment;
mod golden;
mod hostile;
mod loader;
mod scan;
mod split;
mod tree;
mod ways_in;
