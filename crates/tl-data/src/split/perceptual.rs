use std::path::PathBuf;

use rayon::prelude::*;

use crate::{decode::PhotoReader, geometry::Geometry, limits::DecodeOptions};

/// Side of the thumbnail that is compared, in pixels: 8 differences per row and per column.
const SIDE: usize = 9;

/// Thumbnails whose brightness varies less than this are plain walls and night skies: all alike, and no copies.
const MIN_RANGE: u8 = 12;

/// What a photo looks like in 128 bits: whether each pixel of a 9x9 thumbnail is darker than its right (64 bits)
/// and its lower (64 bits) neighbour. Known as dHash.
///
/// Scaling, recompression and mild edits change few bits; other photos differ in about half of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerceptualHash(pub(super) u128);

impl PerceptualHash {
    /// Number of bits, of 128, in which two photos differ; up to about 10 they show the same picture.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }

    /// From the brightness of a 9x9 thumbnail, row by row; `None` when it is too plain to tell.
    #[must_use]
    pub fn of_luma(gray: &[u8; SIDE * SIDE]) -> Option<Self> {
        let range = gray.iter().max()? - gray.iter().min()?;
        if range < MIN_RANGE {
            return None;
        }
        let mut bits = 0;
        for (y, x) in (0..SIDE - 1).flat_map(|y| (0..SIDE - 1).map(move |x| (y, x))) {
            let here = gray[y * SIDE + x];
            bits = bits << 1 | u128::from(here < gray[y * SIDE + x + 1]);
            bits = bits << 1 | u128::from(here < gray[(y + 1) * SIDE + x]);
        }
        Some(Self(bits))
    }

    /// From a 9x9 RGB thumbnail.
    fn of_thumbnail(rgb: &[u8]) -> Option<Self> {
        let mut gray = [0; SIDE * SIDE];
        for (luma, pixel) in gray.iter_mut().zip(rgb.chunks_exact(3)) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u16::from);
            // Rec. 601 luma with whole-number weights that sum to 256.
            *luma = ((77 * r + 150 * g + 29 * b) >> 8) as u8;
        }
        Self::of_luma(&gray)
    }
}

/// The perceptual hash of each photo, on all cores; `None` for photos that cannot be read or are nearly plain.
#[must_use]
pub fn perceptual_hashes(photos: &[PathBuf], options: &DecodeOptions) -> Vec<Option<PerceptualHash>> {
    let geometry = Geometry::squash(SIDE as u32);
    photos
        .par_iter()
        .map_init(
            || PhotoReader::new(geometry, *options),
            |reader, path| {
                let mut thumbnail = [0; SIDE * SIDE * 3];
                reader.read(path, &mut thumbnail).ok()?;
                PerceptualHash::of_thumbnail(&thumbnail)
            },
        )
        .collect()
}
