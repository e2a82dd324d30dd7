//! A picture seen through a projective map, resampled once.

use super::picture::Picture;
use crate::augment::{Fill, Matrix};

/// Most samples per pixel and direction; stronger reductions are left to the decoder.
const MAX_SAMPLES: usize = 8;

/// The picture, the part of it that the view's coordinates -1..1 span, and the map from shown to source.
pub(crate) struct Warp<'a> {
    pub(crate) picture: &'a Picture,
    /// Left, top, width and height in stored pixels.
    pub(crate) frame: (f64, f64, f64, f64),
    pub(crate) matrix: Matrix,
    pub(crate) fill: Fill,
}

impl Warp<'_> {
    /// Fills `out`, `[side, side, 3]`.
    ///
    /// Each pixel is the mean of bilinear samples that lie at most one source pixel apart, so that a reduction
    /// does not alias.
    pub(crate) fn fill(&self, side: usize, out: &mut [u8]) {
        let n = self.n_samples(side);
        let step = 2.0 / (side * n) as f64;
        for (i, pixel) in out.chunks_exact_mut(3).enumerate() {
            let (x, y) = (i % side * n, i / side * n);
            let mut sums = [0.0; 3];
            for (sub_y, sub_x) in (y..y + n).flat_map(|sub_y| (x..x + n).map(move |sub_x| (sub_y, sub_x))) {
                let view = ((sub_x as f64 + 0.5) * step - 1.0, (sub_y as f64 + 0.5) * step - 1.0);
                self.add_sample(view, &mut sums);
            }
            let scale = 1.0 / (n * n) as f32;
            pixel.iter_mut().zip(sums).for_each(|(value, sum)| *value = (sum * scale).round() as u8);
        }
    }

    fn n_samples(&self, side: usize) -> usize {
        let (step_x, step_y) = self.matrix.steps();
        let pixels = self.frame.2.max(self.frame.3) / side as f64;
        ((step_x.max(step_y) * pixels - 1e-3).ceil() as usize).clamp(1, MAX_SAMPLES)
    }

    /// Adds the bilinear sample at a point of the view.
    fn add_sample(&self, (x, y): (f64, f64), sums: &mut [f32; 3]) {
        let (u, v) = self.matrix.map(x, y);
        let (u, v) = self.picture.orientation.stored_point(f64::midpoint(u, 1.0), f64::midpoint(v, 1.0));
        let (left, top, width, height) = self.frame;
        // Far outside all is alike, and whole numbers have to hold the place.
        let place = |share: f64, start: f64, length: f64| (start + share * length - 0.5).clamp(-1e6, 1e6);
        let (px, py) = (place(u, left, width), place(v, top, height));
        let (x0, y0) = (px.floor(), py.floor());
        let (fx, fy) = ((px - x0) as f32, (py - y0) as f32);
        for (dx, dy, weight) in
            [(0, 0, (1.0 - fx) * (1.0 - fy)), (1, 0, fx * (1.0 - fy)), (0, 1, (1.0 - fx) * fy), (1, 1, fx * fy)]
        {
            let value = self.pixel(x0 as i64 + dx, y0 as i64 + dy);
            (0..3).for_each(|channel| sums[channel] += weight * f32::from(value[channel]));
        }
    }

    /// A stored pixel; outside, what the fill shows there.
    fn pixel(&self, x: i64, y: i64) -> [u8; 3] {
        let (width, height) = (i64::from(self.picture.width), i64::from(self.picture.height));
        let (x, y) = match self.fill {
            Fill::Constant(value) if !(0..width).contains(&x) || !(0..height).contains(&y) => return [value; 3],
            Fill::Reflect => (reflected(x, width), reflected(y, height)),
            Fill::Wrap => (x.rem_euclid(width), y.rem_euclid(height)),
            Fill::Constant(_) | Fill::Nearest => (x.clamp(0, width - 1), y.clamp(0, height - 1)),
        };
        let at = (y * width + x) as usize * self.picture.n_channels;
        match self.picture.n_channels {
            1 => [self.picture.pixels[at]; 3],
            _ => [self.picture.pixels[at], self.picture.pixels[at + 1], self.picture.pixels[at + 2]],
        }
    }
}

/// `d c b a | a b c d | d c b a`.
fn reflected(i: i64, n: i64) -> i64 {
    let i = i.rem_euclid(2 * n);
    i.min(2 * n - 1 - i)
}
