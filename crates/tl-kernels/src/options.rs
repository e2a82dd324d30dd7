//! What a network is for.

use crate::{instructions::Instructions, numbers::Numbers};

/// What a network is for.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// What its pointwise convolutions multiply.
    pub numbers: Numbers,
    /// By which instructions; `None` is the fastest that the processor has.
    pub instructions: Option<Instructions>,
    /// Side of the photos in pixels.
    pub side: usize,
    /// Subtracted from the bytes of each colour; what they are to be divided by belongs in the first weights.
    pub mean: [f32; 3],
}
