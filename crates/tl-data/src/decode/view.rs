//! Which part of a picture fills the square, and the resampling that fills it.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image, ImageRef},
};

use super::{picture::Picture, warp::Warp};
use crate::{
    augment::{Drawn, Matrix},
    geometry::{Fit, Geometry},
    limits::Limits,
    skip::SkipReason,
};

/// Bytes of the resampler's weights for each column and row: two weights of eight bytes, and their rounded copies.
const WEIGHT_BYTES: u64 = 24;

/// Resamples pictures into squares, keeping its buffers.
#[derive(Debug)]
pub(crate) struct Viewer {
    limits: Limits,
    resizer: Resizer,
    /// The square before it is turned upright, or while it is gray.
    square: Vec<u8>,
}

impl Viewer {
    /// Takes no more memory than `limits` allow.
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, resizer: Resizer::new(), square: Vec::new() }
    }

    /// Fills `out`, `[side, side, 3]`, with what `geometry` shows of `picture`.
    pub(crate) fn fill(&mut self, picture: &Picture, geometry: Geometry, out: &mut [u8]) -> Result<(), SkipReason> {
        self.fill_from(picture, visible_box(picture, geometry), geometry.side, out)
    }

    /// Fills `out` with what is left to see after the augmentation `drawn`.
    ///
    /// A part of the picture, flipped or not, is resampled like the whole; anything else is warped.
    pub(crate) fn fill_drawn(
        &mut self,
        picture: &Picture,
        geometry: Geometry,
        drawn: &Drawn,
        out: &mut [u8],
    ) -> Result<(), SkipReason> {
        let frame = visible_box(picture, geometry);
        let side = geometry.side as usize;
        if let Some(part) = part_inside(picture, frame, &drawn.matrix) {
            self.fill_from(picture, part, geometry.side, out)?;
            flip(out, side, &drawn.matrix);
        } else {
            Warp { picture, frame, matrix: drawn.matrix, fill: drawn.fill }.fill(side, out);
        }
        drawn.paint(out, side);
        Ok(())
    }

    /// Resamples a box of stored pixels into `out` and turns it upright.
    fn fill_from(&mut self, picture: &Picture, part: Box, side: u32, out: &mut [u8]) -> Result<(), SkipReason> {
        let (left, top, width, height) = part;
        self.limits.check_memory(resampling_bytes(picture, part, side))?;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
            .crop(left, top, width, height)
            .use_alpha(false);
        if picture.n_channels == 1 {
            self.square.resize(side as usize * side as usize, 0);
            resample(&mut self.resizer, picture, PixelType::U8, &options, side, &mut self.square)?;
            out.chunks_exact_mut(3).zip(&self.square).for_each(|(pixel, &gray)| pixel.fill(gray));
        } else {
            resample(&mut self.resizer, picture, PixelType::U8x3, &options, side, out)?;
        }
        if !picture.orientation.is_upright() {
            self.square.clear();
            self.square.extend_from_slice(out);
            picture.orientation.show_square(&self.square, side as usize, out);
        }
        Ok(())
    }
}

/// Left, top, width and height, in stored pixels.
type Box = (f64, f64, f64, f64);

/// The box that an axis-aligned map sees, when it lies inside the picture.
fn part_inside(picture: &Picture, frame: Box, matrix: &Matrix) -> Option<Box> {
    if !matrix.is_axis_aligned() {
        return None;
    }
    let corner = |x: f64, y: f64| {
        let (x, y) = matrix.map(x, y);
        let (u, v) = picture.orientation.stored_point(f64::midpoint(x, 1.0), f64::midpoint(y, 1.0));
        (frame.0 + u * frame.2, frame.1 + v * frame.3)
    };
    let (a, b) = (corner(-1.0, -1.0), corner(1.0, 1.0));
    let (left, right, top, bottom) = (a.0.min(b.0), a.0.max(b.0), a.1.min(b.1), a.1.max(b.1));
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let slack = 1e-6;
    if left < -slack || top < -slack || right > width + slack || bottom > height + slack {
        return None;
    }
    let (left, top) = (left.max(0.0), top.max(0.0));
    Some((left, top, right.min(width) - left, bottom.min(height) - top)).filter(|part| part.2 > 0.0 && part.3 > 0.0)
}

/// Mirrors the shown square where the map turns an axis round.
fn flip(square: &mut [u8], side: usize, matrix: &Matrix) {
    if matrix.0[0][0] < 0.0 {
        for row in square.chunks_exact_mut(side * 3) {
            row.reverse();
            row.chunks_exact_mut(3).for_each(<[u8]>::reverse);
        }
    }
    if matrix.0[1][1] < 0.0 {
        let (top, bottom) = square.split_at_mut(side / 2 * side * 3);
        let rows = bottom.chunks_exact_mut(side * 3).rev();
        top.chunks_exact_mut(side * 3).zip(rows).for_each(|(a, b)| a.swap_with_slice(b));
    }
}

/// Memory that resampling takes: rows come first, so that all columns of the part are held at the height of the square,
/// and every column and row has its weights. A picture of one row may have a hundred million columns.
fn resampling_bytes(picture: &Picture, part: Box, side: u32) -> u64 {
    let (columns, rows) = (part.2.ceil() as u64, part.3.ceil() as u64);
    let between = columns.saturating_mul(u64::from(side)).saturating_mul(picture.n_channels as u64);
    between.saturating_add(columns.saturating_add(rows).saturating_mul(WEIGHT_BYTES))
}

fn resample(
    resizer: &mut Resizer,
    picture: &Picture,
    kind: PixelType,
    options: &ResizeOptions,
    side: u32,
    out: &mut [u8],
) -> Result<(), SkipReason> {
    // The sizes fit by construction; should they not, the photo is skipped with what the resizer says.
    let damaged = |reason: String| SkipReason::Damaged { reason };
    let source =
        ImageRef::new(picture.width, picture.height, &picture.pixels, kind).map_err(|e| damaged(e.to_string()))?;
    let mut target = Image::from_slice_u8(side, side, out, kind).map_err(|e| damaged(e.to_string()))?;
    resizer.resize(&source, &mut target, options).map_err(|e| damaged(e.to_string()))
}

/// Left, top, width and height of the part that is seen, in pixels of the stored (perhaps reduced) picture.
fn visible_box(picture: &Picture, geometry: Geometry) -> Box {
    // A reduced picture ends within its last pixel, where the full one ends.
    let extent = |full: u32| f64::from(full) / f64::from(picture.divisor);
    let (width, height) = (extent(picture.full.0), extent(picture.full.1));
    let Fit::Crop { .. } = geometry.fit else { return (0.0, 0.0, width, height) };

    let (scaled_width, scaled_height) = scaled(picture.full, geometry.short_side());
    let scaled_stored = (scaled_width, scaled_height);
    let scaled_shown = if picture.orientation.swap { (scaled_height, scaled_width) } else { scaled_stored };
    let shown = (centred(scaled_shown.0, geometry.side), centred(scaled_shown.1, geometry.side));
    let (x, y) = picture.orientation.stored_corner(shown, geometry.side, scaled_stored);
    let (step_x, step_y) = (width / f64::from(scaled_width), height / f64::from(scaled_height));
    let side = f64::from(geometry.side);
    (f64::from(x) * step_x, f64::from(y) * step_y, side * step_x, side * step_y)
}

/// Size after the short side became `short_side`; the long side is cut to whole pixels, as torchvision's `Resize` does.
fn scaled((width, height): (u32, u32), short_side: u32) -> (u32, u32) {
    let long_side = u64::from(short_side) * u64::from(width.max(height)) / u64::from(width.min(height));
    let long_side = u32::try_from(long_side).unwrap_or(u32::MAX);
    if width <= height { (short_side, long_side) } else { (long_side, short_side) }
}

/// Where a central cut of `side` begins; halves go to the even pixel, as in torchvision's `CenterCrop`.
fn centred(length: u32, side: u32) -> u32 {
    (f64::from(length - side) / 2.0).round_ties_even() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_offsets_are_torchvisions() {
        assert_eq!(scaled((500, 375), 256), (341, 256));
        assert_eq!(scaled((375, 500), 256), (256, 341));
        assert_eq!(centred(341, 224), 58); // 58.5 goes to even
        assert_eq!(centred(343, 224), 60); // 59.5 goes to even
        assert_eq!(centred(256, 224), 16);
    }

    #[test]
    fn a_reduced_picture_shows_the_same_part() {
        let full = Picture { width: 1001, height: 803, full: (1001, 803), divisor: 1, ..Picture::default() };
        let half = Picture { width: 501, height: 402, full: (1001, 803), divisor: 2, ..Picture::default() };
        let (a, b) = (visible_box(&full, Geometry::crop(256, 224)), visible_box(&half, Geometry::crop(256, 224)));
        for (a, b) in [(a.0, b.0), (a.1, b.1), (a.2, b.2), (a.3, b.3)] {
            assert!((a - 2.0 * b).abs() < 1e-9, "{a} {b}");
        }
    }
}
