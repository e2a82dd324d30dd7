//! Where ordinary ends.

use tl_data::{DecodeOptions, n_threads};

/// Borders between ordinary and odd, and how the work is done.
///
/// The defaults are set so that the photos of an ordinary collection pass.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditOptions {
    /// Photos whose likeness differs in at most so many of 128 edges show the same picture; `None` compares files only.
    pub near_duplicates: Option<u32>,
    /// Darker: 95 % of the pixels have at most this brightness, 0 to 1.
    pub max_dark: f64,
    /// Brighter: 95 % of the pixels have at least this brightness, 0 to 1.
    pub min_bright: f64,
    /// Blurred: the variance of the Laplacian, in squared brightness steps of 0 to 255, is below this.
    pub min_sharpness: f64,
    /// Tiny: the short side has fewer pixels.
    pub min_side: u32,
    /// Extreme shape: the long side is more than so many times the short one.
    pub max_aspect: f64,
    /// Imbalance: the largest class has more than so many times the training photos of the smallest.
    pub max_imbalance: f64,
    /// Worker threads; 0 takes one per core. They do not change the result.
    pub n_threads: usize,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
}

impl Default for AuditOptions {
    fn default() -> Self {
        Self {
            near_duplicates: Some(10),
            max_dark: 0.2,
            min_bright: 0.8,
            min_sharpness: 25.0,
            min_side: 64,
            max_aspect: 3.0,
            max_imbalance: 10.0,
            n_threads: 0,
            decode: DecodeOptions::default(),
        }
    }
}

impl AuditOptions {
    /// Worker threads for `n_photos`: never more than there are photos.
    pub(crate) fn threads_for(&self, n_photos: usize) -> usize {
        n_threads(self.n_threads).clamp(1, n_photos.max(1))
    }
}
