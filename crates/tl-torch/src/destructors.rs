//! The end of a process.

/// Lets the process end without running the destructors of its C++ libraries.
///
/// libtorch's take its table of operators apart entry by entry: a third of the time of a command that does
/// nothing else, for memory that the kernel takes back anyway. Only a binary may call this, at its start, and
/// again at its end where it loads libtorch late, whose destructors are registered after the start; it must not count on exit handlers registered before. Does nothing where the C library is not GNU's.
pub fn skip_destructors() {
    // SAFETY: the shim registers a function of its own that touches no other state.
    #[allow(unsafe_code)]
    unsafe {
        crate::ffi::tlt_skip_destructors();
    }
}

/// Ends the process at once: no exit handler and no destructor runs, and nothing is flushed.
///
/// The usual end takes libtorch apart under the hands of threads that are still computing with it, which ends in a
/// crash now and then. Only a binary may call this, for a user who cannot wait.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: `_Exit` returns the process to the kernel and touches nothing of it.
    #[allow(unsafe_code)]
    unsafe {
        crate::ffi::tlt_exit_now(code)
    }
}
