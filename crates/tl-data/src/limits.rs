/// What one photo may cost. The defaults let a 100-megapixel photo through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest width times height.
    pub max_pixels: u64,
    /// Largest file.
    pub max_file_bytes: u64,
    /// Most memory that decoding one photo may take beside its file.
    pub max_memory_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_pixels: 128 << 20, max_file_bytes: 256 << 20, max_memory_bytes: 1 << 30 }
    }
}

/// Limits and tolerance of decoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecodeOptions {
    /// What one photo may cost.
    pub limits: Limits,
    /// Use what could be decoded of a truncated JPEG, the rest gray, instead of skipping it.
    pub partial: bool,
}
