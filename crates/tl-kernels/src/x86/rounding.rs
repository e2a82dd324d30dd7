//! From f32 to the numbers that a pointwise convolution multiplies.

use crate::{layer::Conv, numbers::Numbers};

/// How the input of a pointwise convolution is rounded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounding {
    pub(crate) numbers: Numbers,
    pub(crate) scale: Scale,
}

/// What whole numbers from 0 to `top` stand for: `step * (number - zero)`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) step: f32,
    pub(crate) zero: f32,
    pub(crate) top: f32,
}

impl Rounding {
    pub(crate) fn new(conv: &Conv, numbers: Numbers) -> Self {
        let top = match numbers {
            Numbers::Int16 => top_of_shorts(conv.n_in, conv.range.0),
            _ => 255.0,
        };
        Self { numbers, scale: Scale::new(conv.range, top) }
    }
}

impl Scale {
    /// `top` steps from the lower to the upper end.
    fn new((low, high): (f32, f32), top: f32) -> Self {
        let step = ((high - low) / top).max(f32::MIN_POSITIVE);
        Self { step, zero: (-low / step).round(), top }
    }
}

/// Inputs and weights share the bits of the sums. A row's weights add up to about a fifth of what they would if all were as
/// large as the largest. With twice the steps that would make both equally fine the features of the three networks of
/// `tl-backbone` are nearest to f32; with four times as many where no activation keeps inputs from either side, so that
/// their range is as long as the longest tail.
fn top_of_shorts(n_in: usize, low: f32) -> f32 {
    let equally_fine = (i32::MAX as f32 / (n_in as f32 / 5.0)).sqrt();
    let share = if low < 0.0 { 4.0 } else { 2.0 };
    (share * equally_fine).floor().min(f32::from(i16::MAX))
}
