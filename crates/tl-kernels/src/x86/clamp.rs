//! The part of an activation that costs two instructions and no branch.

use crate::{layer::Activation, x86::registers::Registers};

/// Limits of what comes out of a convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clamp {
    low: f32,
    high: f32,
}

impl Clamp {
    /// Of `relu` and `relu6`; none for the others.
    pub(crate) fn new(activation: Activation) -> Self {
        let (low, high) = match activation {
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Relu6 => (0.0, 6.0),
            Activation::None | Activation::Hardswish => (f32::NEG_INFINITY, f32::INFINITY),
        };
        Self { low, high }
    }

    #[inline(always)]
    pub(crate) fn apply<R: Registers>(self, r: R, x: R::Sixteen) -> R::Sixteen {
        r.min(r.max(x, r.splat(self.low)), r.splat(self.high))
    }
}
