//! Minimising a smooth convex function.

use std::collections::VecDeque;

use crate::error::HeadError;

/// Steps that are remembered.
const HISTORY: usize = 10;
/// Part of the promised decrease that a step must bring (Armijo 1966).
const SUFFICIENT: f64 = 1e-4;
/// Rounding of the objective, relative: a step that seems to climb by less may be one that descends.
const ROUNDING: f64 = 2e-7;
/// Shortenings of a step before the search gives up; by then it is shorter than the rounding of `x`.
const MAX_SHORTENINGS: usize = 30;

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stop {
    /// Estimated distance of the objective from its minimum.
    pub(crate) tolerance: f64,
    /// Steps at most.
    pub(crate) max_iterations: usize,
}

/// Where the search ended.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub(crate) x: Vec<f64>,
    pub(crate) value: f64,
    pub(crate) n_iterations: usize,
    /// Whether the tolerance was reached.
    pub(crate) converged: bool,
}

/// L-BFGS (Nocedal 1980; Nocedal and Wright 2006, algorithm 7.4) from `x`, with backtracking.
///
/// `curvature` is a positive estimate of the Hessian's diagonal; the better it is, the fewer steps are needed. The
/// objective returns its value and gradient. The search stops when the quasi-Newton model promises to gain less
/// than the tolerance, `-g·d / 2`, which measures in units of the objective and not of `x`.
pub(crate) fn minimise(
    mut x: Vec<f64>,
    curvature: &[f64],
    stop: Stop,
    mut objective: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), HeadError>,
) -> Result<Minimum, HeadError> {
    let mut memory = Memory::new(curvature);
    let (mut value, mut gradient) = objective(&x)?;
    for n_iterations in 0..stop.max_iterations {
        let direction = memory.direction(&gradient);
        let slope = dot(&gradient, &direction);
        if -slope / 2.0 <= stop.tolerance {
            return Ok(Minimum { x, value, n_iterations, converged: true });
        }
        let Some(next) = search(&x, value, &direction, slope, &mut objective)? else {
            return Ok(Minimum { x, value, n_iterations, converged: false });
        };
        memory.remember(difference(&next.x, &x), difference(&next.gradient, &gradient));
        Step { x, value, gradient } = next;
    }
    Ok(Minimum { x, value, n_iterations: stop.max_iterations, converged: false })
}

/// A point with the objective's value and gradient there.
struct Step {
    x: Vec<f64>,
    value: f64,
    gradient: Vec<f64>,
}

/// The first point along `direction`, from the full step downwards, that descends enough; none if rounding hides
/// every descent.
fn search(
    x: &[f64],
    value: f64,
    direction: &[f64],
    slope: f64,
    objective: &mut impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), HeadError>,
) -> Result<Option<Step>, HeadError> {
    let mut length = 1.0;
    for _ in 0..MAX_SHORTENINGS {
        let to: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        let (reached, gradient) = objective(&to)?;
        if reached <= value + SUFFICIENT * length * slope + ROUNDING * value.abs() {
            return Ok(Some(Step { x: to, value: reached, gradient }));
        }
        length *= shortening(reached - value, length * slope);
    }
    Ok(None)
}

/// The minimum of the parabola through both values and the slope, kept between a tenth and a half of the step.
fn shortening(climb: f64, slope: f64) -> f64 {
    let factor = -slope / (2.0 * (climb - slope));
    // An objective that left the numbers gives NaN.
    if factor.is_nan() { 0.1 } else { factor.clamp(0.1, 0.5) }
}

/// Pairs of steps and changes of the gradient, from which the inverse Hessian is guessed.
struct Memory<'a> {
    curvature: &'a [f64],
    pairs: VecDeque<Pair>,
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// `1 / step·change`.
    rho: f64,
}

impl<'a> Memory<'a> {
    fn new(curvature: &'a [f64]) -> Self {
        Self { curvature, pairs: VecDeque::with_capacity(HISTORY) }
    }

    fn remember(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let bend = dot(&step, &change);
        // On a convex function it is positive; where rounding says otherwise the pair teaches nothing.
        if bend <= 0.0 {
            return;
        }
        if self.pairs.len() == HISTORY {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step, change, rho: 1.0 / bend });
    }

    /// Minus the guessed inverse Hessian times the gradient, by the two loops of Nocedal and Wright.
    fn direction(&self, gradient: &[f64]) -> Vec<f64> {
        let mut q: Vec<f64> = gradient.iter().map(|g| -g).collect();
        let mut alphas = Vec::with_capacity(HISTORY);
        for pair in self.pairs.iter().rev() {
            let alpha = pair.rho * dot(&pair.step, &q);
            add(&mut q, -alpha, &pair.change);
            alphas.push(alpha);
        }
        let scale = self.scale();
        q.iter_mut().zip(self.curvature).for_each(|(q, c)| *q *= scale / c);
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = pair.rho * dot(&pair.change, &q);
            add(&mut q, alpha - beta, &pair.step);
        }
        q
    }

    /// How far the last step found the estimated curvature off.
    fn scale(&self) -> f64 {
        let Some(pair) = self.pairs.back() else { return 1.0 };
        let expected: f64 = pair.change.iter().zip(self.curvature).map(|(y, c)| y * y / c).sum();
        1.0 / (pair.rho * expected)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn difference(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a - b).collect()
}

/// `a += factor * b`.
fn add(a: &mut [f64], factor: f64, b: &[f64]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += factor * b);
}

#[cfg(test)]
mod tests {
    use super::*;

    const STOP: Stop = Stop { tolerance: 1e-16, max_iterations: 200 };

    proptest::proptest! {
        #[test]
        fn finds_the_minimum_of_a_parabola(
            rows in proptest::collection::vec((0.1f64..10.0, -3.0f64..3.0, 0.2f64..5.0), 1..20)
        ) {
            // Sum of c (x - m)^2 / 2 plus a coupling that keeps it convex, with a wrong estimate of the curvature.
            let objective = |x: &[f64]| {
                let sum: f64 = x.iter().zip(&rows).map(|(x, r)| x - r.1).sum();
                let value = x.iter().zip(&rows).map(|(x, r)| r.0 * (x - r.1).powi(2) / 2.0).sum::<f64>();
                let gradient = x.iter().zip(&rows).map(|(x, r)| r.0 * (x - r.1) + sum).collect();
                Ok((value + sum * sum / 2.0, gradient))
            };
            let curvature: Vec<f64> = rows.iter().map(|r| r.0 * r.2).collect();
            let found = minimise(vec![0.0; rows.len()], &curvature, STOP, objective).unwrap();
            for (x, row) in found.x.iter().zip(&rows) {
                proptest::prop_assert!((x - row.1).abs() < 1e-5, "{x} is not {}", row.1);
            }
        }
    }

    #[test]
    fn follows_rosenbrocks_valley() {
        let objective = |x: &[f64]| {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            Ok((a * a + 100.0 * b * b, vec![-2.0 * a - 400.0 * x[0] * b, 200.0 * b]))
        };
        let found = minimise(vec![-1.2, 1.0], &[1.0, 1.0], STOP, objective).unwrap();
        assert!(found.converged && found.n_iterations < 80, "{found:?}");
        assert!((found.x[0] - 1.0).abs() < 1e-6 && (found.x[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn says_so_when_there_were_too_few_steps() {
        let stop = Stop { tolerance: 1e-12, max_iterations: 1 };
        let objective = |x: &[f64]| Ok((x[0].powi(4), vec![4.0 * x[0].powi(3)]));
        assert!(!minimise(vec![3.0], &[1.0], stop, objective).unwrap().converged);
    }
}
