//! One look at one photo: everything that the audit needs of it, so that it is read and decoded once.

use std::path::Path;

use tl_data::{DecodeOptions, Geometry, PerceptualHash, PhotoReader, SkipReason};

/// Side of the view that is judged: about what networks see.
///
/// Blur that only shows in the full photo does not matter to a network, and a photo of many megapixels costs
/// little at this size.
pub(crate) const SIDE: usize = 252;

/// What is known of a photo after one look.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Look {
    pub(crate) format: &'static str,
    /// Width as shown, in pixels.
    pub(crate) width: u32,
    /// Height as shown, in pixels.
    pub(crate) height: u32,
    pub(crate) n_bytes: u64,
    /// BLAKE3 of the file.
    pub(crate) content: [u8; 32],
    pub(crate) likeness: Option<PerceptualHash>,
    /// 95 % of the pixels are at least this bright, 0 to 1.
    pub(crate) shadow: f64,
    /// 95 % of the pixels are at most this bright, 0 to 1.
    pub(crate) highlight: f64,
    /// Variance of the Laplacian, in squared steps of 0 to 255.
    pub(crate) sharpness: f64,
}

/// Looks at photos, again and again with the same buffers: one per worker thread.
pub(crate) struct Looker {
    /// Reads files; a reader of its own, so that its bytes can be lent to the one that decodes.
    files: PhotoReader,
    pixels: PhotoReader,
    rgb: Vec<u8>,
    luma: Vec<u8>,
}

impl Looker {
    pub(crate) fn new(options: DecodeOptions) -> Self {
        let geometry = Geometry::squash(SIDE as u32);
        let reader = || PhotoReader::new(geometry, options);
        Self { files: reader(), pixels: reader(), rgb: vec![0; geometry.n_bytes()], luma: vec![0; SIDE * SIDE] }
    }

    pub(crate) fn look(&mut self, path: &Path) -> Result<Look, SkipReason> {
        let file = self.files.load(path)?;
        self.pixels.read_bytes(file, &mut self.rgb)?;
        let (format, (width, height)) = (self.pixels.format(), self.pixels.full_size());
        to_luma(&self.rgb, &mut self.luma);
        let (shadow, highlight) = extremes(&self.luma);
        Ok(Look {
            format,
            width,
            height,
            n_bytes: file.len() as u64,
            content: *blake3::hash(file).as_bytes(),
            likeness: PerceptualHash::of_square(&self.rgb, SIDE as u32),
            shadow,
            highlight,
            sharpness: laplacian_variance(&self.luma),
        })
    }
}

/// Rec. 601 luma with whole-number weights that sum to 256.
fn to_luma(rgb: &[u8], luma: &mut [u8]) {
    for (pixel, out) in rgb.chunks_exact(3).zip(luma) {
        let sum = 77 * u32::from(pixel[0]) + 150 * u32::from(pixel[1]) + 29 * u32::from(pixel[2]);
        *out = (sum >> 8) as u8;
    }
}

/// The 5th and the 95th percentile of brightness, 0 to 1.
fn extremes(luma: &[u8]) -> (f64, f64) {
    let mut counts = [0_usize; 256];
    for &value in luma {
        counts[usize::from(value)] += 1;
    }
    let twentieth = luma.len() / 20;
    let beyond = |value: &(usize, &usize), seen: &mut usize| {
        *seen += value.1;
        *seen > twentieth
    };
    let (mut below, mut above) = (0, 0);
    let low = counts.iter().enumerate().find(|value| beyond(value, &mut below));
    let high = counts.iter().enumerate().rev().find(|value| beyond(value, &mut above));
    let share = |found: Option<(usize, &usize)>| found.map_or(0.0, |(value, _)| value as f64 / 255.0);
    (share(low), share(high))
}

/// Variance of the response to the 4-neighbour Laplacian: Pech-Pacheco et al., "Diatom autofocusing in
/// brightfield microscopy: a comparative study", 2000. Sums are whole numbers, so no order changes them.
fn laplacian_variance(luma: &[u8]) -> f64 {
    let at = |y: usize, x: usize| i64::from(luma[y * SIDE + x]);
    let (mut sum, mut squares) = (0, 0);
    for y in 1..SIDE - 1 {
        for x in 1..SIDE - 1 {
            let value = at(y - 1, x) + at(y + 1, x) + at(y, x - 1) + at(y, x + 1) - 4 * at(y, x);
            sum += value;
            squares += value * value;
        }
    }
    let n = ((SIDE - 2) * (SIDE - 2)) as f64;
    let mean = sum as f64 / n;
    squares as f64 / n - mean * mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_bright_pixel_has_the_variance_of_its_kernel() {
        let mut luma = vec![0; SIDE * SIDE];
        luma[100 * SIDE + 100] = 10;
        // Responses: -40 once, 10 four times, sum 0.
        let expected = (1600.0 + 4.0 * 100.0) / 62500.0;
        assert!((laplacian_variance(&luma) - expected).abs() < 1e-12);
    }

    #[test]
    fn extremes_leave_a_twentieth_aside() {
        let mut luma = vec![128; SIDE * SIDE];
        let twentieth = luma.len() / 20;
        luma[..twentieth].fill(0);
        assert_eq!(extremes(&luma), (128.0 / 255.0, 128.0 / 255.0));
        luma[twentieth] = 0;
        assert_eq!(extremes(&luma), (0.0, 128.0 / 255.0));
    }
}
