//! Settings of the C library's allocator.

/// Makes the allocator keep freed memory instead of handing it back to the kernel.
///
/// Activations of a few megabytes otherwise come from `mmap` and go back at once, and each layer pays for
/// faulting its pages in again: a third of the time of a large batch. It is a setting of the whole process,
/// so only a binary may make it, once, at its start. Does nothing where the C library is not GNU's.
pub fn keep_allocations() {
    // SAFETY: `mallopt` takes two integers and is safe to call at any time.
    #[allow(unsafe_code)]
    unsafe {
        crate::ffi::tlt_keep_allocations();
    }
}
