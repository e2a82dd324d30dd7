//! A decoded picture, in a buffer that the next one uses again.

use super::orientation::Orientation;
use crate::{limits::Limits, skip::SkipReason};

/// Buffers above this are given back after use: one huge photo must not hold its memory for the whole run.
const MAX_KEPT_BYTES: usize = 64 << 20;

/// Pixels as they are stored in the file, at full size or reduced by a whole number.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    /// Rows of pixels, `[height, width, n_channels]`.
    pub(crate) pixels: Vec<u8>,
    /// Pixels per row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// 3 (RGB) or 1 (gray).
    pub(crate) n_channels: usize,
    /// Width and height in the file.
    pub(crate) full: (u32, u32),
    /// By how much `full` was divided; the last column and row may be partly filled.
    pub(crate) divisor: u32,
    /// How it wants to be shown.
    pub(crate) orientation: Orientation,
}

impl Picture {
    /// Makes room for a picture of this size and returns its pixels, to be overwritten.
    pub(crate) fn reset(&mut self, (width, height): (u32, u32), n_channels: usize) -> &mut [u8] {
        (self.width, self.height, self.n_channels) = (width, height, n_channels);
        (self.full, self.divisor, self.orientation) = ((width, height), 1, Orientation::default());
        self.pixels.resize(width as usize * height as usize * n_channels, 0);
        &mut self.pixels
    }

    /// Takes the pixels of a picture of this size, instead of a copy of them.
    pub(crate) fn take(&mut self, size: (u32, u32), n_channels: usize, pixels: Vec<u8>) {
        self.pixels = pixels;
        // There is room already.
        self.reset(size, n_channels);
    }

    /// Gives back what only a huge photo needed.
    pub(crate) fn shrink(&mut self) {
        if self.pixels.capacity() > MAX_KEPT_BYTES {
            self.pixels = Vec::new();
        }
    }
}

impl Limits {
    /// Whether a picture of this size may be decoded with `bytes_per_pixel` of working memory.
    pub(crate) fn check(&self, width: u32, height: u32, bytes_per_pixel: u64) -> Result<(), SkipReason> {
        let n_pixels = u64::from(width) * u64::from(height);
        if n_pixels == 0 {
            return Err(SkipReason::Damaged { reason: "its header gives no width or no height".to_owned() });
        }
        if n_pixels > self.max_pixels {
            return Err(SkipReason::TooManyPixels { width, height, limit: self.max_pixels });
        }
        self.check_memory(n_pixels.saturating_mul(bytes_per_pixel))
    }

    /// Whether `bytes` may be taken.
    pub(crate) fn check_memory(&self, bytes: u64) -> Result<(), SkipReason> {
        if bytes > self.max_memory_bytes {
            return Err(SkipReason::TooMuchMemory { limit: self.max_memory_bytes });
        }
        Ok(())
    }
}
