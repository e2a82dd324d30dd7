//! What a network is for.

use crate::numbers::Numbers;

/// What a network is for.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// What its pointwise convolutions multiply.
    pub numbers: Numbers,
    /// Side of the photos in pixels.
    pub side: usize,
    /// Subtracted from the bytes of each colour; what they are to be divided by belongs in the first weights.
    pub mean: [f32; 3],
}
