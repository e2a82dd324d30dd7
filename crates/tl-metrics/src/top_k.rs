//! Whether the truth is among the best guesses.

use serde::{Deserialize, Serialize};

use crate::predictions::Predictions;

/// The sizes that are reported, where there are more classes than that.
const SIZES: [usize; 3] = [2, 3, 5];

/// The fraction of rows whose true class is among the `k` most probable.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopK {
    /// How many guesses count.
    pub k: usize,
    /// The fraction, 0 to 1.
    pub accuracy: f64,
}

/// Top-2, top-3 and top-5 as far as there are more classes; with as many guesses as classes all is right.
pub(crate) fn top_k(predictions: Predictions<'_>) -> Vec<TopK> {
    let ranks: Vec<usize> = predictions.rows().map(|(label, values)| rank(label, values)).collect();
    let accuracy = |k| ranks.iter().filter(|&&rank| rank < k).count() as f64 / ranks.len() as f64;
    let sizes = SIZES.into_iter().filter(|&k| k < predictions.n_classes());
    sizes.map(|k| TopK { k, accuracy: accuracy(k) }).collect()
}

/// How many classes are guessed before `label`: the more probable ones, and of equal ones the earlier.
fn rank(label: usize, values: &[f32]) -> usize {
    let own = values[label];
    let before = |class: usize, p: f32| if class < label { p >= own } else { p > own };
    values.iter().enumerate().filter(|&(class, &p)| before(class, p)).count()
}
