//! From f32 to the numbers that a pointwise convolution multiplies.

use crate::{layer::Conv, numbers::Numbers};

/// How the input of a pointwise convolution is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub(crate) numbers: Numbers,
    pub(crate) scale: Scale,
}

/// What whole numbers from `least` to `most` stand for: `step * (number - zero)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) step: f32,
    pub(crate) zero: f32,
    pub(crate) least: f32,
    pub(crate) most: f32,
}

impl Rounding {
    pub(crate) fn new(conv: &Conv, numbers: Numbers) -> Self {
        let scale = match numbers {
            Numbers::Int16 => {
                let most = most_of_shorts(conv.n_in, conv.range.0);
                Scale::new(conv.range, -most, most)
            }
            _ => Scale::new(conv.range, 0.0, 255.0),
        };
        Self { numbers, scale }
    }
}

impl Scale {
    /// The lower end of the range is `least`, the upper `most`.
    fn new((low, high): (f32, f32), least: f32, most: f32) -> Self {
        let step = ((high - low) / (most - least)).max(f32::MIN_POSITIVE);
        Self { step, zero: least + (-low / step).round(), least, most }
    }
}

/// Inputs and weights share the bits of the sums. A row's weights add up to about a fifth of what they would if all were as
/// large as the largest. With half as many steps again as would make both equally fine the features of the three networks
/// of `tl-backbone` are nearest to f32; with twice as many where no activation keeps inputs from either side, so that
/// their range is as long as the longest tail.
fn most_of_shorts(n_in: usize, low: f32) -> f32 {
    let equally_fine = (i32::MAX as f32 / (n_in as f32 / 5.0)).sqrt();
    let share = if low < 0.0 { 2.0 } else { 1.5 };
    (share * equally_fine).floor().min(f32::from(i16::MAX))
}
