//! `tl`: the command line.

fn main() {}
