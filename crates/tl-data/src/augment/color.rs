//! Changes that look at a pixel, or at all of them, but not at neighbours.

/// Rounds and clamps.
pub(crate) fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The same function of every value, by a table.
pub(crate) fn map(square: &mut [u8], function: impl Fn(f64) -> f64) {
    let table: Vec<u8> = (0..=255_u8).map(|value| byte(function(f64::from(value)))).collect();
    for value in square {
        *value = table[usize::from(*value)];
    }
}

/// Away from the mean gray (factor above 1), or towards it, as Pillow's `ImageEnhance.Contrast`.
pub(crate) fn contrast(square: &mut [u8], factor: f64) {
    let sum: f64 = square.chunks_exact(3).map(luma).sum();
    let mean = (sum / (square.len() / 3).max(1) as f64).round();
    map(square, |value| mean + factor * (value - mean));
}

/// Away from gray (factor above 1), or towards it, as Pillow's `ImageEnhance.Color`.
pub(crate) fn saturation(square: &mut [u8], factor: f64) {
    for pixel in square.chunks_exact_mut(3) {
        let gray = luma(pixel).round();
        for value in pixel {
            *value = byte(gray + factor * (f64::from(*value) - gray));
        }
    }
}

/// Turns the colours about the gray axis in YIQ, which keeps brightness better than a turn in HSV.
pub(crate) fn hue(square: &mut [u8], turns: f64) {
    if turns == 0.0 {
        return;
    }
    let (sin, cos) = (turns * std::f64::consts::TAU).sin_cos();
    for pixel in square.chunks_exact_mut(3) {
        let [red, green, blue] = [0, 1, 2].map(|channel| f64::from(pixel[channel]));
        let luma = luma(pixel);
        let in_phase = 0.596 * red - 0.274 * green - 0.322 * blue;
        let quadrature = 0.211 * red - 0.523 * green + 0.312 * blue;
        let (i, q) = (cos * in_phase - sin * quadrature, sin * in_phase + cos * quadrature);
        pixel[0] = byte(luma + 0.956 * i + 0.621 * q);
        pixel[1] = byte(luma - 0.272 * i - 0.647 * q);
        pixel[2] = byte(luma - 1.106 * i + 1.703 * q);
    }
}

pub(crate) fn posterize(square: &mut [u8], bits: u32) {
    let mask = u8::MAX << 8_u32.saturating_sub(bits).min(7);
    for value in square {
        *value &= mask;
    }
}

/// Stretches each channel so that its darkest value is 0 and its brightest 255.
pub(crate) fn auto_contrast(square: &mut [u8]) {
    for channel in 0..3 {
        let (low, high) = channel_values(square, channel).fold((255, 0), |(low, high), v| (v.min(low), v.max(high)));
        if low < high {
            let scale = 255.0 / f64::from(high - low);
            map_channel(square, channel, |value| byte((f64::from(value) - f64::from(low)) * scale));
        }
    }
}

/// Makes each channel's histogram flat, as Pillow's `ImageOps.equalize`.
pub(crate) fn equalize(square: &mut [u8]) {
    for channel in 0..3 {
        let mut histogram = [0_usize; 256];
        channel_values(square, channel).for_each(|value| histogram[usize::from(value)] += 1);
        let last = histogram.iter().rfind(|&&n| n > 0).copied().unwrap_or(0);
        let step = (square.len() / 3 - last) / 255;
        if step == 0 {
            continue;
        }
        let mut sum = step / 2;
        let table = histogram.map(|n| {
            let value = (sum / step).min(255) as u8;
            sum += n;
            value
        });
        map_channel(square, channel, |value| table[usize::from(value)]);
    }
}

fn channel_values(square: &[u8], channel: usize) -> impl Iterator<Item = u8> {
    square.iter().skip(channel).step_by(3).copied()
}

fn map_channel(square: &mut [u8], channel: usize, function: impl Fn(u8) -> u8) {
    square.iter_mut().skip(channel).step_by(3).for_each(|value| *value = function(*value));
}

/// Rec. 601 brightness, which Pillow uses.
fn luma(pixel: &[u8]) -> f64 {
    0.299 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])
}
