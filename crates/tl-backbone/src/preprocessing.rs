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
    /// What is subtracted from each channel of a picture's bytes.
    pub(crate) fn byte_mean(&self) -> [f32; 3] {
        self.mean.map(|mean| 255.0 * mean)
    }

    /// What each channel is multiplied by after that.
    pub(crate) fn byte_scale(&self) -> [f32; 3] {
        self.std.map(|std| 1.0 / (255.0 * std))
    }
}
