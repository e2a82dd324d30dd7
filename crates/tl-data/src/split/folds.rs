use std::collections::BTreeMap;

use super::units::{Together, units};
use crate::{error::DataError, sample::Sample};

/// How to cut photos into folds for cross-validation.
#[derive(Debug, Clone)]
pub struct FoldOptions {
    /// Number of folds, at least 2.
    pub k: usize,
    /// Another seed gives other folds.
    pub seed: u64,
    /// Which photos must not be parted, beside equal files.
    pub together: Together,
}

impl Default for FoldOptions {
    fn default() -> Self {
        Self { k: 5, seed: 0, together: Together::default() }
    }
}

/// Photos cut into k folds: each photo is validated on once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folds {
    /// Number of folds.
    pub k: usize,
    /// The fold of each sample, from 0.
    pub fold_of: Vec<usize>,
}

impl Folds {
    /// Positions of the samples to train on and to validate on in one round.
    #[must_use]
    pub fn round(&self, fold: usize) -> (Vec<usize>, Vec<usize>) {
        (0..self.fold_of.len()).partition(|&i| self.fold_of[i] != fold)
    }
}

/// Cuts photos into `k` folds with nearly equal numbers of each class.
///
/// Equal files and groups stay in one fold. The photos' content and the seed decide, not their names or order.
///
/// # Errors
/// [`DataError::Folds`] for fewer than 2 folds, or more folds than photos.
pub fn stratified_folds(samples: &[Sample], options: &FoldOptions) -> Result<Folds, DataError> {
    let (k, n_samples) = (options.k, samples.len());
    if k < 2 || k > n_samples {
        return Err(DataError::Folds { k, n_samples });
    }
    // Of each fold the photos by label, and in all.
    let mut counts = vec![(BTreeMap::<usize, usize>::new(), 0); k];
    let mut fold_of = vec![0; n_samples];
    for unit in units(samples, &options.together, options.seed) {
        // The fold that has the fewest photos of the unit's classes; then the smallest; then the first.
        let load = |fold: &usize| -> (usize, usize, usize) {
            let (of_label, n) = &counts[*fold];
            let same = unit.members.iter().filter_map(|&i| of_label.get(&samples[i].label)).sum();
            (same, *n, *fold)
        };
        let fold = (0..k).min_by_key(load).unwrap_or(0);
        for &i in &unit.members {
            fold_of[i] = fold;
            *counts[fold].0.entry(samples[i].label).or_default() += 1;
            counts[fold].1 += 1;
        }
    }
    Ok(Folds { k, fold_of })
}
