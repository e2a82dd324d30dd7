//! How many threads an operator may use.

/// Sets how many threads each operator may use when it is called from the calling thread.
///
/// A worker that owns its network sets 1: several workers with a thread each are faster than one network on
/// all cores, and every sum has one order. Only the binary, or a thread that a library started itself, calls
/// this.
pub fn set_intra_op_threads(n: usize) {
    tch::set_num_threads(i32::try_from(n.max(1)).unwrap_or(i32::MAX));
}
