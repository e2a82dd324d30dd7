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
/// `precondition` divides a vector by a positive definite estimate of the Hessian; the better it is, the fewer steps are
/// needed. The objective returns its value and gradient. The search stops when the quasi-Newton model promises to gain less
/// than the tolerance, `-g·d / 2`, which measures in units of the objective and not of `x`.
pub(crate) fn minimise(
    mut x: Vec<f64>,
    precondition: impl Fn(&[f64]) -> Result<Vec<f64>, HeadError>,
    stop: Stop,
    mut objective: impl FnMut(&[f64]) -> Result<(f64, Vec<f64>), HeadError>,
) -> Result<Minimum, HeadError> {
    let mut memory = Memory::default();
    let (mut value, mut gradient) = objective(&x)?;
    let mut divided = precondition(&gradient)?;
    for n_iterations in 0..stop.max_iterations {
        let direction = memory.direction(&gradient, &divided);
        let slope = dot(&gradient, &direction);
        if -slope / 2.0 <= stop.tolerance {
            return Ok(Minimum { x, value, n_iterations, converged: true });
        }
        let Some(next) = search(&x, value, &direction, slope, &mut objective)? else {
            return Ok(Minimum { x, value, n_iterations, converged: false });
        };
        let next_divided = precondition(&next.gradient)?;
        memory.remember(
            difference(&next.x, &x),
            difference(&next.gradient, &gradient),
            difference(&next_divided, &divided),
        );
        (Step { x, value, gradient }, divided) = (next, next_divided);
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
#[derive(Default)]
struct Memory(VecDeque<Pair>);

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// The change, preconditioned.
    divided: Vec<f64>,
    /// `1 / step·change`.
    rho: f64,
}

impl Memory {
    fn remember(&mut self, step: Vec<f64>, change: Vec<f64>, divided: Vec<f64>) {
        let bend = dot(&step, &change);
        // On a convex function it is positive; where rounding says otherwise the pair teaches nothing.
        if bend <= 0.0 {
            return;
        }
        if self.0.len() == HISTORY {
            self.0.pop_front();
        }
        self.0.push_back(Pair { step, change, divided, rho: 1.0 / bend });
    }

    /// Minus the guessed inverse Hessian times the gradient, by the two loops of Nocedal and Wright. `divided` is the
    /// preconditioned gradient: what the first loop takes off is preconditioned already.
    fn direction(&self, gradient: &[f64], divided: &[f64]) -> Vec<f64> {
        let negated = |x: &[f64]| x.iter().map(|x| -x).collect::<Vec<f64>>();
        let (mut q, mut direction) = (negated(gradient), negated(divided));
        let mut alphas = Vec::with_capacity(HISTORY);
        for pair in self.0.iter().rev() {
            let alpha = pair.rho * dot(&pair.step, &q);
            add(&mut q, -alpha, &pair.change);
            add(&mut direction, -alpha, &pair.divided);
            alphas.push(alpha);
        }
        let scale = self.scale();
        for x in &mut direction {
            *x *= scale;
        }
        for (pair, alpha) in self.0.iter().zip(alphas.into_iter().rev()) {
            let beta = pair.rho * dot(&pair.change, &direction);
            add(&mut direction, alpha - beta, &pair.step);
        }
        direction
    }

    /// How far the last step found the preconditioner off.
    fn scale(&self) -> f64 {
        self.0.back().map_or(1.0, |pair| 1.0 / (pair.rho * dot(&pair.change, &pair.divided)))
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

    #[allow(clippy::unnecessary_wraps, reason = "preconditioners may fail")]
    fn unchanged(x: &[f64]) -> Result<Vec<f64>, HeadError> {
        Ok(x.to_vec())
    }

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
            let precondition = |x: &[f64]| Ok(x.iter().zip(&curvature).map(|(x, c)| x / c).collect());
            let found = minimise(vec![0.0; rows.len()], precondition, STOP, objective).unwrap();
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
        let found = minimise(vec![-1.2, 1.0], unchanged, STOP, objective).unwrap();
        assert!(found.converged && found.n_iterations < 80, "{found:?}");
        assert!((found.x[0] - 1.0).abs() < 1e-6 && (found.x[1] - 1.0).abs() < 1e-6);
    }

    #[test]
    fn says_so_when_there_were_too_few_steps() {
        let stop = Stop { tolerance: 1e-12, max_iterations: 1 };
        let objective = |x: &[f64]| Ok((x[0].powi(4), vec![4.0 * x[0].powi(3)]));
        assert!(!minimise(vec![3.0], unchanged, stop, objective).unwrap().converged);
    }
}
