use super::stratified::{Sides, Split, SplitOptions};
use crate::{error::DataError, label_sets::LabelSets, sample::Sample};

/// Photos that a set of classes must have to be split for itself: of fewer, a fifth is less than one.
const MIN_PER_SET: usize = 5;

/// As [`stratified_split`](crate::stratified_split), for photos that may have several classes: labels are positions in
/// `sets`.
///
/// Photos with the same set of classes are split in the same share where there are at least five of them. The others
/// are split by the rarest of their classes, the first of those that are equally rare, because it is the one that
/// chance would put on one side alone (Sechidis et al. 2011, "On the stratification of multi-label data", go by the
/// rarest class too). One photo at least of every class is trained on.
///
/// # Errors
/// [`DataError::Fraction`] for a fraction that is not between 0 and 1.
pub fn stratified_split_by_sets(
    samples: Vec<Sample>,
    sets: &LabelSets,
    options: &SplitOptions,
) -> Result<Split, DataError> {
    let strata = strata(&samples, sets);
    let n_strata = strata.iter().map(|stratum| stratum + 1).max().unwrap_or(0);
    let stand_ins: Vec<Sample> =
        samples.iter().zip(strata).map(|(sample, label)| Sample { path: sample.path.clone(), label }).collect();
    let mut sides = Sides::new(&stand_ins, n_strata, options)?;
    for class in 0..n_classes(sets) {
        sides.train_one(|i| sets.classes(samples[i].label).contains(&class));
    }
    Ok(sides.part(samples))
}

/// Classes that come up in the sets; those behind them have no photo.
fn n_classes(sets: &LabelSets) -> usize {
    (0..sets.len()).filter_map(|label| sets.classes(label).last()).max().map_or(0, |last| last + 1)
}

/// What each photo is split by: its set, or behind all sets the rarest class of it, or behind those nothing.
fn strata(samples: &[Sample], sets: &LabelSets) -> Vec<usize> {
    let n_classes = n_classes(sets);
    let counts = sets.counts(samples, n_classes);
    let mut per_set = vec![0; sets.len()];
    for sample in samples {
        per_set.get_mut(sample.label).into_iter().for_each(|n| *n += 1);
    }
    let of_set = |label: usize| match per_set.get(label) {
        Some(MIN_PER_SET..) => label,
        _ => sets.len() + sets.classes(label).iter().copied().min_by_key(|&c| counts[c]).unwrap_or(n_classes),
    };
    samples.iter().map(|sample| of_set(sample.label)).collect()
}
