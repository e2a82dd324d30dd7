//! What f32 means on a GPU.

/// Makes GPUs multiply f32 as f32.
///
/// libtorch lets recent ones round the factors of a convolution to 10 bits (TF32) unless it is told otherwise, an error
/// of 1e-3 under a name that promises 1e-7; who wants speed asks for f16 or bf16. It is a setting of the whole process,
/// so only a binary may make it. Processors compute in f32 in any case.
pub fn exact_f32() {
    // SAFETY: the shim sets two flags of libtorch's context, which is there as long as the process.
    #[allow(unsafe_code)]
    unsafe {
        crate::ffi::tlt_exact_f32();
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_can_be_asked_for_without_a_gpu() {
        super::exact_f32();
    }
}
