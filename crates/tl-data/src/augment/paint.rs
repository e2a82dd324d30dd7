//! Changes of the pixels of a square.

use super::{
    color,
    draw::{Draw, Drawn, Op},
    filter,
};

impl Drawn {
    /// Changes `square`, `[side, side, 3]` RGB, in place.
    pub(crate) fn paint(&self, square: &mut [u8], side: usize) {
        self.ops.iter().for_each(|op| op.paint(square, side));
    }
}

impl Op {
    fn paint(self, square: &mut [u8], side: usize) {
        match self {
            Self::Brightness(factor) => color::map(square, |value| value * factor),
            Self::Contrast(factor) => color::contrast(square, factor),
            Self::Saturation(factor) => color::saturation(square, factor),
            Self::Hue(turns) => color::hue(square, turns),
            Self::Add(number) => color::map(square, |value| value + number),
            Self::Gamma(gamma) => color::map(square, |value| 255.0 * (value / 255.0).powf(gamma)),
            Self::Posterize(bits) => color::posterize(square, bits),
            Self::Solarize(from) => color::map(square, |value| if value >= from { 255.0 - value } else { value }),
            Self::Equalize => color::equalize(square),
            Self::AutoContrast => color::auto_contrast(square),
            Self::Sharpness(factor) => filter::sharpness(square, side, factor),
            Self::Blur(sigma) => filter::blur(square, side, sigma),
            Self::Noise { sigma, seed } => noise(square, sigma, &mut Draw::of_seed(seed)),
            Self::Jpeg(quality) => filter::jpeg(square, side, quality),
            Self::Erase(rectangle) => erase(square, side, rectangle),
        }
    }
}

/// Gaussian noise by the sum of twelve even numbers, which is near enough and the same on every machine.
fn noise(square: &mut [u8], sigma: f64, draw: &mut Draw) {
    if sigma == 0.0 {
        return;
    }
    for value in square {
        let normal = (0..12).map(|_| draw.range(0.0, 1.0)).sum::<f64>() - 6.0;
        *value = color::byte(f64::from(*value) + sigma * normal);
    }
}

fn erase(square: &mut [u8], side: usize, [left, top, width, height]: [f64; 4]) {
    const GRAY: u8 = 127;
    let pixel = |share: f64| ((share * side as f64).round() as usize).min(side);
    let (left, right) = (pixel(left), pixel(left + width));
    for row in square.chunks_exact_mut(side * 3).take(pixel(top + height)).skip(pixel(top)) {
        row[left * 3..right * 3].fill(GRAY);
    }
}
