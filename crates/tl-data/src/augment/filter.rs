//! Changes that look at neighbours.

use image::codecs::jpeg::JpegEncoder;
use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::color::byte;

/// Towards a smooth version (factor below 1), or away from it, as Pillow's `ImageEnhance.Sharpness`.
pub(crate) fn sharpness(square: &mut [u8], side: usize, factor: f64) {
    if side < 3 {
        return;
    }
    let before = square.to_vec();
    let row = side * 3;
    // The border has no full neighbourhood and stays.
    for i in (1..side - 1).flat_map(|y| (y * row + 3)..(y * row + row - 3)) {
        let neighbours = [i - row - 3, i - row, i - row + 3, i - 3, i + 3, i + row - 3, i + row, i + row + 3];
        let sum: f64 = neighbours.iter().map(|&j| f64::from(before[j])).sum();
        let value = f64::from(before[i]);
        let smooth = (sum + 5.0 * value) / 13.0;
        square[i] = byte(smooth + factor * (value - smooth));
    }
}

/// Gaussian blur, columns then rows, cut off at three standard deviations; the border goes on outside.
pub(crate) fn blur(square: &mut [u8], side: usize, sigma: f64) {
    let radius = (3.0 * sigma).ceil() as usize;
    if radius == 0 {
        return;
    }
    let weight = |i: usize| (-0.5 * ((i as f64 - radius as f64) / sigma).powi(2)).exp();
    let kernel: Vec<f64> = (0..=2 * radius).map(weight).collect();
    let sum: f64 = kernel.iter().sum();
    let kernel: Vec<f64> = kernel.iter().map(|weight| weight / sum).collect();
    let across = pass(square, side, &kernel, |y, x| (y * side + x) * 3);
    let down = pass(&across, side, &kernel, |x, y| (y * side + x) * 3);
    square.copy_from_slice(&down);
}

/// One direction of a separable filter: `at(line, position)` is a pixel's first byte.
fn pass(square: &[u8], side: usize, kernel: &[f64], at: impl Fn(usize, usize) -> usize) -> Vec<u8> {
    let radius = kernel.len() / 2;
    let mut result = vec![0; square.len()];
    for (line, position) in (0..side).flat_map(|line| (0..side).map(move |position| (line, position))) {
        let mut sums = [0.0; 3];
        for (k, weight) in kernel.iter().enumerate() {
            let source = at(line, (position + k).saturating_sub(radius).min(side - 1));
            (0..3).for_each(|channel| sums[channel] += weight * f64::from(square[source + channel]));
        }
        let target = at(line, position);
        (0..3).for_each(|channel| result[target + channel] = byte(sums[channel]));
    }
    result
}

/// Saved as JPEG and read again. Should either fail, the square stays as it is.
pub(crate) fn jpeg(square: &mut [u8], side: usize, quality: u8) {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality.clamp(1, 100));
    if encoder.encode(square, side as u32, side as u32, image::ExtendedColorType::Rgb8).is_err() {
        return;
    }
    let settings = DecoderOptions::new_fast().jpeg_set_out_colorspace(ColorSpace::RGB);
    let decoded = JpegDecoder::new_with_options(ZCursor::new(bytes), settings).decode();
    if let Some(decoded) = decoded.ok().filter(|decoded| decoded.len() == square.len()) {
        square.copy_from_slice(&decoded);
    }
}
