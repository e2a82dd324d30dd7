use serde::{Deserialize, Serialize};

/// How much larger than needed a reduced picture is, at least. Where resampling has nothing left to do, it smooths nothing
/// either: features of a photo of exactly twice the size needed, a frequent one, would be 16 % off.
#[cfg(feature = "decode")]
const LEFT: f64 = 1.25;

/// The spatial half of preprocessing: which square of pixels a network sees of a photo.
///
/// It belongs to the weights of a network and travels with them.
/// Resampling is bilinear with antialiasing, as in Pillow and in torchvision on Pillow images, but for the last bits of
/// the bytes, which move features of photos that are resampled by 1 to 2 %, as torchvision's own resizing of tensors does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Width and height of the result, in pixels.
    pub side: u32,
    /// How a photo that is no square becomes one.
    pub fit: Fit,
    /// Whether a JPEG of at least two and a half times the size needed is decoded at a half, a quarter or an eighth of
    /// its size by its cosine transform, before it is resampled. Several times as fast, and features change by 3 to 7 %.
    pub reduced: bool,
}

impl Geometry {
    /// Squash to `side` x `side`, large JPEGs decoded at reduced size.
    #[must_use]
    pub const fn squash(side: u32) -> Self {
        Self { side, fit: Fit::Squash, reduced: true }
    }

    /// Short side to `short_side`, then the central `side` x `side`, large JPEGs decoded at reduced size.
    #[must_use]
    pub const fn crop(short_side: u32, side: u32) -> Self {
        Self { side, fit: Fit::Crop { short_side }, reduced: true }
    }

    /// Bytes of one photo in this geometry: `side * side * 3`, `[H, W, C]` RGB.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        (self.side as usize).saturating_mul(self.side as usize).saturating_mul(3)
    }

    /// Short side that a reduced picture needs, at least, when `zoom` times its size is resampled; none is enough where
    /// reduced decoding is not wanted.
    #[cfg(feature = "decode")]
    pub(crate) fn enough(&self, zoom: f64) -> u32 {
        match self.reduced {
            true => (LEFT * f64::from(self.short_side()) / zoom).ceil() as u32,
            false => u32::MAX,
        }
    }

    /// The shorter side of the picture that is resampled, in pixels.
    #[cfg(feature = "decode")]
    pub(crate) fn short_side(&self) -> u32 {
        match self.fit {
            Fit::Squash => self.side,
            Fit::Crop { short_side } => short_side.max(self.side),
        }
    }
}

/// How a photo that is no square becomes one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fit {
    /// Width and height are scaled apart, as Keras does: nothing is lost, shapes change.
    Squash,
    /// The short side is scaled to this many pixels and the centre is cut out, as torchvision does.
    ///
    /// Less than the geometry's `side` counts as `side`.
    Crop {
        /// Short side after scaling, in pixels.
        short_side: u32,
    },
}
