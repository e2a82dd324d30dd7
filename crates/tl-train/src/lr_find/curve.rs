//! Losses by learning rate, and what they suggest.

use serde::Serialize;

/// What the smoothed loss keeps of itself at each step.
const SMOOTHING: f64 = 0.9;
/// So many times the lowest loss is divergence.
const DIVERGED: f64 = 4.0;
/// A loss below this is as good as none: of a fitted head a single photo makes many times its loss.
const FLOOR: f64 = 0.1;
/// Steps to either side over which a slope is taken.
const HALF_WINDOW: usize = 5;
/// Steps at the start whose average says little.
const YOUNG: usize = 10;
/// The part of the steps, by the lowest rates, in which nothing is learnt: what differs there is noise.
const CALM: usize = 4;

/// One step of the finder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LrPoint {
    /// The learning rate of the step.
    pub learning_rate: f64,
    /// Mean loss of its photos, before the step.
    pub loss: f64,
    /// Moving average of the losses so far.
    pub smoothed_loss: f64,
}

/// What the finder saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LrCurve {
    /// The steps, by growing rate; the last is the first that diverged, if one did.
    pub points: Vec<LrPoint>,
}

impl LrCurve {
    /// Takes in the next step; whether the finder should go on, because the loss has not diverged.
    pub(crate) fn add(&mut self, learning_rate: f64, loss: f64) -> bool {
        let n = self.points.len() as i32;
        // Adam's correction of a mean that began at zero.
        let before = self.points.last().map_or(0.0, |p| p.smoothed_loss * (1.0 - SMOOTHING.powi(n)));
        let smoothed_loss = (SMOOTHING * before + (1.0 - SMOOTHING) * loss) / (1.0 - SMOOTHING.powi(n + 1));
        let lowest = self.points.iter().map(|p| p.smoothed_loss).fold(f64::INFINITY, f64::min);
        let goes_on = smoothed_loss.is_finite() && smoothed_loss <= DIVERGED * lowest.max(FLOOR);
        if smoothed_loss.is_finite() {
            self.points.push(LrPoint { learning_rate, loss, smoothed_loss });
        }
        goes_on
    }

    /// The rate to train at: the steepest, or where the loss does not fall a tenth of what does no harm.
    #[must_use]
    pub fn suggestion(&self) -> Option<f64> {
        self.steepest().or_else(|| self.tenth_of_lowest())
    }

    /// The rate at which the smoothed loss falls most steeply along the logarithm of the rate. None where it falls by
    /// no more than photos make it differ from batch to batch, as that of a fitted head does: the steepest fall would
    /// be one of noise, at any rate.
    #[must_use]
    pub fn steepest(&self) -> Option<f64> {
        if !self.falls() {
            return None;
        }
        // Of single steps the noise would be steepest, and most of all while the average is young.
        let (half, young) = ((self.points.len() / 10).clamp(1, HALF_WINDOW), YOUNG.min(self.points.len() / 5));
        let slope = |i: usize| {
            let (before, after) = (&self.points[i - half], &self.points[i + half]);
            (after.smoothed_loss - before.smoothed_loss) / (after.learning_rate / before.learning_rate).ln()
        };
        let places = young.max(half)..self.lowest_at()?;
        let falls = places.filter(|i| i + half < self.points.len()).map(|i| (i, slope(i)));
        let steepest = falls.filter(|(_, slope)| *slope < 0.0).min_by(|a, b| a.1.total_cmp(&b.1));
        steepest.map(|(i, _)| self.points[i].learning_rate)
    }

    /// A tenth of the rate at which the smoothed loss is lowest: there it is about to grow. Where it only grows, of the
    /// highest rate at which it has not: among the rates below that the lowest is one of noise. At most ten times
    /// [`Self::steepest`], since where nothing diverges the lowest may lie at any rate. None where it would be below all
    /// rates that were tried, or the loss neither falls nor grows: of those nothing is known.
    #[must_use]
    pub fn tenth_of_lowest(&self) -> Option<f64> {
        let at = if self.falls() { self.lowest_at() } else { self.last_calm_at() };
        let tenth = self.points[at?].learning_rate / 10.0;
        let tenth = self.steepest().map_or(tenth, |steepest| tenth.min(10.0 * steepest));
        Some(tenth).filter(|rate| *rate >= self.points[0].learning_rate)
    }

    /// Whether the loss falls by more than noise.
    #[must_use]
    pub fn falls(&self) -> bool {
        let (loss, noise) = self.calm();
        self.lowest_at().is_some_and(|i| self.points[i].smoothed_loss < loss - noise)
    }

    /// The last place where the loss is what it was at first, if it grows from there to one that counts: what grows from
    /// almost nothing to almost nothing tells of no harm.
    fn last_calm_at(&self) -> Option<usize> {
        let (loss, noise) = self.calm();
        let last = self.points.iter().rposition(|point| point.smoothed_loss <= loss + noise / 2.0)?;
        let grows = self.points.last().is_some_and(|end| end.smoothed_loss > loss + noise.max(FLOOR));
        Some(last).filter(|_| grows)
    }

    /// Mean loss of the steps in which nothing is learnt, and the standard deviation of a batch's from it, which is
    /// about four times the average's.
    fn calm(&self) -> (f64, f64) {
        let calm = &self.points[..self.points.len().div_ceil(CALM)];
        let n = calm.len().max(1) as f64;
        let mean = calm.iter().map(|point| point.loss).sum::<f64>() / n;
        let variance = calm.iter().map(|point| (point.loss - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        (mean, variance.sqrt())
    }

    fn lowest_at(&self) -> Option<usize> {
        let points = self.points.iter().enumerate();
        points.min_by(|a, b| a.1.smoothed_loss.total_cmp(&b.1.smoothed_loss)).map(|(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: f64 = 1e-7;
    const LAST: f64 = 10.0;

    /// A curve as they are: flat, falling around `fall`, growing from `rise` on.
    fn curve(fall: f64, rise: f64) -> LrCurve {
        let mut curve = LrCurve::default();
        for step in 0..200 {
            let rate = FIRST * (LAST / FIRST).powf(f64::from(step) / 199.0);
            let loss = 2.0 - 1.5 / (1.0 + (fall / rate).powi(2)) + (rate / rise).powi(2);
            if !curve.add(rate, loss) {
                break;
            }
        }
        curve
    }

    #[test]
    fn finds_the_fall_and_the_rise_of_a_curve() {
        let curve = curve(1e-3, 1.0);
        let (steepest, tenth) = (curve.steepest().unwrap(), curve.tenth_of_lowest().unwrap());
        // The average lags behind by some ten steps, half a decade here.
        assert!((1e-3..5e-3).contains(&steepest), "{steepest}");
        assert!((5e-3..1e-1).contains(&tenth), "{tenth}");
        let last = curve.points.last().unwrap();
        assert!(last.learning_rate < LAST && last.smoothed_loss > 1.5, "it went on: {last:?}");
    }

    #[test]
    fn a_loss_that_never_grows_is_no_reason_for_a_huge_rate() {
        let curve = curve(1e-4, 1e9);
        let (steepest, tenth) = (curve.steepest().unwrap(), curve.tenth_of_lowest().unwrap());
        assert!(curve.points.len() == 200 && steepest < 1e-3, "{steepest}");
        assert!((tenth - 10.0 * steepest).abs() < 1e-12, "{tenth} is not bounded by {steepest}");
    }

    #[test]
    fn no_rate_is_read_off_where_none_was_tried() {
        let mut curve = LrCurve::default();
        [0.5, 0.6, 0.7, 0.8].into_iter().zip([1e-7, 1e-6, 1e-5, 1e-4]).for_each(|(loss, rate)| {
            assert!(curve.add(rate, loss));
        });
        assert_eq!((curve.steepest(), curve.tenth_of_lowest()), (None, None));
    }

    #[test]
    fn noise_is_not_taken_for_a_fall() {
        let mut curve = LrCurve::default();
        for step in 0..100 {
            let rate = FIRST * (LAST / FIRST).powf(f64::from(step) / 99.0);
            let noise = 0.4 * f64::from(step * 37 % 11 - 5) / 5.0;
            let _ = curve.add(rate, 2.0 - 1.5 / (1.0 + 1e-3 / rate) + noise);
        }
        let steepest = curve.steepest().unwrap();
        assert!((1e-4..1e-1).contains(&steepest), "{steepest}");
    }

    /// Losses of batches that a fitted head knows: most almost nothing, some of a photo that it gets wrong.
    fn fitted(step: u32) -> f64 {
        [0.02, 0.01, 0.15, 0.03, 0.01, 0.02, 0.09][step as usize % 7]
    }

    #[test]
    fn a_fitted_head_gets_a_tenth_of_what_does_no_harm() {
        let mut curve = LrCurve::default();
        for step in 0..100 {
            let rate = FIRST * (LAST / FIRST).powf(f64::from(step) / 99.0);
            if !curve.add(rate, fitted(step) + (rate / 0.1).powi(2)) {
                break;
            }
        }
        assert_eq!(curve.steepest(), None, "a fall of noise");
        let suggestion = curve.suggestion().unwrap();
        assert!(curve.points.len() < 100 && (2e-3..2e-2).contains(&suggestion), "{suggestion}");
    }

    #[test]
    fn a_loss_that_stays_says_nothing() {
        let mut curve = LrCurve::default();
        for step in 0..100 {
            let rate = FIRST * (LAST / FIRST).powf(f64::from(step) / 99.0);
            assert!(curve.add(rate, fitted(step)));
        }
        assert_eq!((curve.steepest(), curve.suggestion()), (None, None));
    }

    #[test]
    fn a_growth_from_almost_nothing_to_almost_nothing_is_no_harm() {
        let mut curve = LrCurve::default();
        for step in 0..100 {
            let rate = FIRST * (LAST / FIRST).powf(f64::from(step) / 99.0);
            assert!(curve.add(rate, 1e-4 * fitted(step) + 1e-3 * (rate / 5.0).powi(2)));
        }
        assert_eq!((curve.steepest(), curve.suggestion()), (None, None));
    }

    #[test]
    fn a_single_photo_is_no_divergence() {
        let mut curve = LrCurve::default();
        assert!([1e-5, 0.1, 1e-5, 0.3].into_iter().all(|loss| curve.add(1e-3, loss)));
        assert!(!(0..30).all(|_| curve.add(1e-3, 0.6)));
    }

    #[test]
    fn the_average_starts_without_a_bias() {
        let mut curve = LrCurve::default();
        (0..30).for_each(|_| assert!(curve.add(1e-3, 0.7)));
        assert!(curve.points.iter().all(|point| (point.smoothed_loss - 0.7).abs() < 1e-12));
        assert!(!curve.add(1e-3, f64::NAN) && curve.points.len() == 30);
        assert_eq!(LrCurve::default().steepest(), None);
    }
}
