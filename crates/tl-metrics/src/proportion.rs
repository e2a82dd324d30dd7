//! A fraction of right answers, and how sure one can be of it.

use serde::{Deserialize, Serialize};

/// The 0.975 quantile of the normal distribution, for intervals that hold 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// `n_correct` right answers out of `n_total`.
///
/// ```
/// let accuracy = tl_metrics::Proportion { n_correct: 69, n_total: 75 };
/// assert_eq!(accuracy.value(), 0.92);
/// let [low, high] = accuracy.interval();
/// assert!(low > 0.83 && high < 0.97);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proportion {
    /// Right answers.
    pub n_correct: usize,
    /// All answers.
    pub n_total: usize,
}

impl Proportion {
    /// The fraction, 0 to 1; 0 where there are no answers.
    #[must_use]
    pub fn value(self) -> f64 {
        if self.n_total == 0 {
            return 0.0;
        }
        self.n_correct as f64 / self.n_total as f64
    }

    /// The 95 % interval of Wilson (1927, doi:10.1080/01621459.1927.10502953), `[low, high]`.
    ///
    /// Unlike the textbook's `p ± z·sqrt(p(1-p)/n)` it stays inside 0 to 1 and has a width even where all
    /// answers are right, as happens on small validation sets. Without answers it is `[0, 1]`.
    #[must_use]
    pub fn interval(self) -> [f64; 2] {
        if self.n_total == 0 {
            return [0.0, 1.0];
        }
        let (n, p, z2) = (self.n_total as f64, self.value(), Z * Z);
        let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        // At 0 and at 1 the ends are exact; rounding would leave them 1e-17 away.
        let low = if self.n_correct == 0 { 0.0 } else { centre - half };
        let high = if self.n_correct == self.n_total { 1.0 } else { centre + half };
        [low.max(0.0), high.min(1.0)]
    }
}
