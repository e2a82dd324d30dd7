//! Policies that draw the steps themselves, with torchvision's ranges.

use super::{
    draw::{Draw, Drawn, Op},
    matrix::Matrix,
};

const N_CHOICES: usize = 14;

/// How strong a policy may get.
struct Ranges {
    shear: f64,
    /// Share of the side.
    shift: f64,
    degrees: f64,
    factor: f64,
    /// Bits taken away.
    bits: f64,
}

/// `n` steps, drawn with repetition, at one `strength` from 0 to 1 (Cubuk et al. 2019).
pub(crate) fn rand_augment(drawn: &mut Drawn, n: usize, strength: f64, draw: &mut Draw) {
    let ranges = Ranges { shear: 0.3, shift: 150.0 / 331.0, degrees: 30.0, factor: 0.9, bits: 4.0 };
    for _ in 0..n {
        apply(drawn, &ranges, strength, draw);
    }
}

/// One step at a strength of its own (Müller and Hutter 2021, the wide ranges).
pub(crate) fn trivial_augment(drawn: &mut Drawn, draw: &mut Draw) {
    let ranges = Ranges { shear: 0.99, shift: 32.0 / 224.0, degrees: 135.0, factor: 0.99, bits: 6.0 };
    let strength = draw.range(0.0, 1.0);
    apply(drawn, &ranges, strength, draw);
}

fn apply(drawn: &mut Drawn, ranges: &Ranges, strength: f64, draw: &mut Draw) {
    let choice = draw.below(N_CHOICES);
    let signed = if draw.happens(0.5) { strength } else { -strength };
    let factor = 1.0 + signed * ranges.factor;
    let op = match choice {
        0 => return,
        1 => return drawn.warp(Matrix::shear(signed * ranges.shear, 0.0)),
        2 => return drawn.warp(Matrix::shear(0.0, signed * ranges.shear)),
        3 => return drawn.warp(Matrix::translation(2.0 * signed * ranges.shift, 0.0)),
        4 => return drawn.warp(Matrix::translation(0.0, 2.0 * signed * ranges.shift)),
        5 => return drawn.warp(Matrix::rotation(signed * ranges.degrees)),
        6 => Op::Brightness(factor),
        7 => Op::Saturation(factor),
        8 => Op::Contrast(factor),
        9 => Op::Sharpness(factor),
        10 => Op::Posterize(8 - (strength * ranges.bits).round() as u32),
        11 => Op::Solarize(256.0 * (1.0 - strength)),
        12 => Op::AutoContrast,
        _ => Op::Equalize,
    };
    drawn.ops.push(op);
}
