//! The factor that keeps gradients within the range of f16.

use serde::{Deserialize, Serialize};

/// The first factor.
const FIRST: f64 = 65536.0;
/// Steps in a row without an overflow after which the factor is doubled.
const PATIENCE: usize = 2000;

/// Loss scaling that finds its factor (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2): halved at every
/// overflow, doubled when there was none for long. The numbers are those of PyTorch's `GradScaler`. It goes into
/// checkpoints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LossScale {
    factor: f64,
    /// Steps since the factor was last changed.
    n_good: usize,
}

impl Default for LossScale {
    fn default() -> Self {
        Self { factor: FIRST, n_good: 0 }
    }
}

impl LossScale {
    /// What the loss is to be multiplied by, and the gradients to be divided by.
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    /// Hears whether all gradients of a step were finite numbers. If not, the step is not to be taken.
    pub(crate) fn after(&mut self, is_finite: bool) {
        if !is_finite {
            *self = Self { factor: self.factor / 2.0, n_good: 0 };
            return;
        }
        self.n_good += 1;
        if self.n_good == PATIENCE {
            *self = Self { factor: self.factor * 2.0, n_good: 0 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `torch.amp.GradScaler` 2.13 has after steps whose gradients were finite, or not, so many times.
    #[test]
    fn moves_as_pytorchs() {
        let mut scale = LossScale::default();
        for (is_finite, n, factor) in GOLDEN {
            (0..n).for_each(|_| scale.after(is_finite));
            assert!((scale.factor() - factor).abs() < f64::EPSILON, "{n} times {is_finite}: {scale:?}");
        }
    }

    /// Written down by `tests/golden/make_loss_scale.py`.
    const GOLDEN: [(bool, usize, f64); 7] = [
        (true, 1999, 65536.0),
        (true, 1, 131_072.0),
        (false, 3, 16384.0),
        (true, 1999, 16384.0),
        (false, 1, 8192.0),
        (true, 4000, 32768.0),
        (false, 20, 0.03125),
    ];
}
