//! A mean that grows batch by batch.

use serde::{Deserialize, Serialize};

/// The mean of what was added so far.
///
/// It can be saved and read back, so that an interrupted epoch goes on with the same sum.
///
/// ```
/// let mut loss = tl_metrics::RunningMean::default();
/// loss.add(0.5, 32);
/// loss.add(0.8, 16);
/// assert!((loss.mean().unwrap() - 0.6).abs() < 1e-12);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunningMean {
    sum: f64,
    n: usize,
}

impl RunningMean {
    /// Adds a batch of `n` values with the mean `mean`.
    pub fn add(&mut self, mean: f64, n: usize) {
        self.sum += mean * n as f64;
        self.n += n;
    }

    /// The mean; none before the first value.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// Values added.
    #[must_use]
    pub fn n(&self) -> usize {
        self.n
    }
}
