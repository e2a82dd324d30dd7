//! How fast the pipeline could be at best.

use serde::Serialize;

/// What follows from the stages when no core ever waits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Bound {
    /// Cores over the sum of the stages' processor time.
    pub(super) photos_per_s: f64,
    /// The part of it that the pipeline reached.
    pub(super) fraction_reached: f64,
}

impl Bound {
    pub(super) fn new(n_cores: usize, stages_cpu_ms: &[f64], reached_photos_per_s: f64) -> Self {
        let photos_per_s = n_cores as f64 * 1e3 / stages_cpu_ms.iter().sum::<f64>();
        Self { photos_per_s, fraction_reached: reached_photos_per_s / photos_per_s }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cores_and_four_milliseconds_are_five_hundred_photos() {
        let bound = Bound::new(2, &[0.5, 1.0, 2.5], 450.0);
        assert_eq!(bound, Bound { photos_per_s: 500.0, fraction_reached: 0.9 });
    }
}
