//! Activation functions that a convolution or linear layer may end in.

use tch::Tensor;

use crate::error::TorchError;

/// What is done to each value on its way out of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x * relu6(x + 3) / 6` (Howard et al. 2019, "Searching for `MobileNetV3`", section 5.2).
    Hardswish,
    /// `relu6(x + 3) / 6`.
    Hardsigmoid,
}

impl Activation {
    /// The function as a plain operator; any shape, any float kind.
    ///
    /// # Errors
    /// [`TorchError::Libtorch`] for numbers that libtorch does not have the function of.
    pub fn apply(self, x: &Tensor) -> Result<Tensor, TorchError> {
        Ok(match self {
            Self::None => x.shallow_clone(),
            Self::Relu => x.f_relu()?,
            Self::Relu6 => x.f_clamp(0.0, 6.0)?,
            Self::Hardswish => x.f_hardswish()?,
            Self::Hardsigmoid => x.f_hardsigmoid()?,
        })
    }

    /// The function of one number.
    #[must_use]
    pub fn of(self, x: f32) -> f32 {
        let relu6 = |x: f32| x.clamp(0.0, 6.0);
        match self {
            Self::None => x,
            Self::Relu => x.max(0.0),
            Self::Relu6 => relu6(x),
            Self::Hardswish => x * relu6(x + 3.0) / 6.0,
            Self::Hardsigmoid => relu6(x + 3.0) / 6.0,
        }
    }

    /// The number by which the shim knows it.
    pub(crate) fn code(self) -> i32 {
        match self {
            Self::None => 0,
            Self::Relu => 1,
            Self::Relu6 => 2,
            Self::Hardswish => 3,
            Self::Hardsigmoid => 4,
        }
    }
}
