//! How a photo becomes the input of a network.

use serde::{Deserialize, Serialize};
use tl_data::Geometry;

/// Belongs to the weights: a network sees what it was trained to see.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Size and cut.
    pub geometry: Geometry,
    /// Subtracted from each channel (R, G, B) of pixels between 0 and 1.
    pub mean: [f32; 3],
    /// Each channel is divided by it after that.
    pub std: [f32; 3],
}

impl Preprocessing {
    /// The same as factor and summand of a byte: `x = byte * scale + shift`, per channel.
    #[must_use]
    pub fn scale_and_shift(&self) -> ([f32; 3], [f32; 3]) {
        let scale = self.std.map(|std| 1.0 / (255.0 * std));
        let shift = std::array::from_fn(|c| -self.mean[c] / self.std[c]);
        (scale, shift)
    }
}
