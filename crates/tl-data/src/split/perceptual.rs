use std::path::PathBuf;

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};
use rayon::prelude::*;

use crate::{decode::PhotoReader, geometry::Geometry, limits::DecodeOptions, skip::SkipReason, threads::in_pool};

/// Side of the thumbnail that is compared, in pixels: 8 differences per row and per column.
const SIDE: u32 = 9;
const N_PIXELS: usize = (SIDE * SIDE) as usize;

/// Neighbours that differ by less are equal: noise and slow shadows tell nothing.
const STEP: u8 = 2;

/// Thumbnails with fewer neighbours that differ are too plain to tell: walls, night skies, and a thing in the middle of
/// a white page, of which there are many and no two the same. Of 540 photos of cats, dogs and dishes none has fewer than a
/// hundred.
const MIN_EDGES: u32 = 64;

/// Pairs of neighbours: 64 to the right and 64 below.
const N_PAIRS: u32 = 128;

/// What a photo looks like in 128 edges, between neighbours of a 9x9 thumbnail: whether the right, or the lower one, is
/// brighter, darker, or neither. A dHash that does not take two plain areas for likeness.
///
/// Scaling, recompression and mild edits change few pairs; other photos differ in about half of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerceptualHash {
    /// Pairs whose second is brighter.
    pub(super) rising: u128,
    /// Pairs whose second is darker.
    pub(super) falling: u128,
}

impl PerceptualHash {
    /// In how many of 128 pairs two photos differ; up to about 10 they show the same picture. Pairs that are equal in both
    /// photos do not count, and the others count for more instead; an edge against none counts half.
    #[must_use]
    pub fn distance(self, other: Self) -> u32 {
        let (edges, others) = (self.rising | self.falling, other.rising | other.falling);
        let turned = (self.rising & other.falling | self.falling & other.rising).count_ones();
        let (one_sided, all) = ((edges ^ others).count_ones(), (edges | others).count_ones());
        (2 * turned + one_sided) * (N_PAIRS / 2) / all.max(1)
    }

    /// Whether the distance is at most `max`, told for most pairs by one look: each edge that is turned or one-sided adds
    /// a half at least, and halves are rounded down.
    pub(super) fn is_within(self, max: u32, other: Self) -> bool {
        (self.rising ^ other.rising).count_ones() <= max.saturating_mul(2).saturating_add(1)
            && self.distance(other) <= max
    }

    /// From a photo squashed to `[side, side, 3]` RGB, as [`PhotoReader`] fills it; `None` when it is too plain to tell, or
    /// `rgb` has another length.
    ///
    /// The square is resampled to 9x9 pixels, of which the size of the square changes the last bits alone: whoever has read
    /// a photo for something else need not read it again.
    #[must_use]
    pub fn of_square(rgb: &[u8], side: u32) -> Option<Self> {
        // The library multiplies sides as they come.
        if rgb.len() as u128 != u128::from(side).pow(2) * 3 {
            return None;
        }
        let square = ImageRef::new(side, side, rgb, PixelType::U8x3).ok()?;
        let mut thumbnail = Image::new(SIDE, SIDE, PixelType::U8x3);
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        Resizer::new().resize(&square, &mut thumbnail, &options).ok()?;
        let mut gray = [0; N_PIXELS];
        for (luma, pixel) in gray.iter_mut().zip(thumbnail.buffer().chunks_exact(3)) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u16::from);
            // Rec. 601 luma with whole-number weights that sum to 256.
            *luma = ((77 * r + 150 * g + 29 * b) >> 8) as u8;
        }
        Self::of_luma(&gray)
    }

    /// From the brightness of a 9x9 thumbnail, row by row.
    fn of_luma(gray: &[u8; N_PIXELS]) -> Option<Self> {
        let side = SIDE as usize;
        let mut hash = Self { rising: 0, falling: 0 };
        for (y, x) in (0..side - 1).flat_map(|y| (0..side - 1).map(move |x| (y, x))) {
            let here = gray[y * side + x];
            for next in [gray[y * side + x + 1], gray[(y + 1) * side + x]] {
                hash.rising = hash.rising << 1 | u128::from(next.saturating_sub(here) >= STEP);
                hash.falling = hash.falling << 1 | u128::from(here.saturating_sub(next) >= STEP);
            }
        }
        ((hash.rising | hash.falling).count_ones() >= MIN_EDGES).then_some(hash)
    }
}

/// The perceptual hash of each photo, on all cores; `None` for photos that cannot be read or are nearly plain.
#[must_use]
pub fn perceptual_hashes(photos: &[PathBuf], options: &DecodeOptions) -> Vec<Option<PerceptualHash>> {
    in_pool(0, || see(photos, options)).into_iter().map(|seen| seen.ok().flatten()).collect()
}

/// A look at each photo, on the threads of the pool that this is called in: its hash, none where it is nearly plain.
pub(super) fn see(photos: &[PathBuf], options: &DecodeOptions) -> Vec<Result<Option<PerceptualHash>, SkipReason>> {
    let geometry = Geometry::squash(SIDE);
    photos
        .par_iter()
        .map_init(
            || PhotoReader::new(geometry, *options),
            |reader, path| {
                let mut thumbnail = [0; N_PIXELS * 3];
                reader.read(path, &mut thumbnail)?;
                Ok(PerceptualHash::of_square(&thumbnail, SIDE))
            },
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_look_agrees_with_the_distance(a: [u128; 2], flips: [u128; 4], max in 0_u32..140) {
            // Few changed bits as well as many.
            let few = flips[0] & flips[1] & flips[2] & flips[3];
            for change in [few, flips[0] & flips[1], flips[0]] {
                let hash = |rising: u128, falling: u128| PerceptualHash { rising, falling: falling & !rising };
                let (one, other) = (hash(a[0], a[1]), hash(a[0] ^ change, a[1]));
                prop_assert_eq!(one.is_within(max, other), one.distance(other) <= max);
            }
        }

        #[test]
        fn so_it_does_where_edges_are_lost(n in 0_u32..40, max in 0_u32..20) {
            let all = PerceptualHash { rising: u128::MAX, falling: 0 };
            let lost = PerceptualHash { rising: u128::MAX << n, falling: 0 };
            prop_assert_eq!(all.is_within(max, lost), all.distance(lost) <= max);
            prop_assert_eq!(all.distance(lost), n / 2);
        }
    }
}
