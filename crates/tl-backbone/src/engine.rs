//! Whose kernels the inference form runs on.

/// Whose kernels compute. All give the same features but for rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// The fastest that this processor has: those of `tl-kernels` where it has AVX2 or AVX-512, but for bf16 with
    /// AVX2; else oneDNN's.
    #[default]
    Auto,
    /// oneDNN's fused ones where this libtorch has them, else plain operators.
    OneDnn,
    /// Plain operators of libtorch, the same on every platform.
    Plain,
}
