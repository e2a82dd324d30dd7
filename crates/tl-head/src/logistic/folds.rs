//! Who is held out when.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// The fold of each row: every class is dealt out evenly over the folds, in an order that depends on the seed. Rows of one
/// of the `groups` are in one fold, that of the first row's class; without any each row goes by itself.
pub(super) fn stratified_folds(
    labels: &[usize],
    groups: &[usize],
    n_classes: usize,
    n_folds: usize,
    seed: u64,
) -> Vec<usize> {
    let mut rng = Pcg32::seed_from_u64(seed);
    let mut folds = vec![0; labels.len()];
    let units = units(labels.len(), groups);
    // The deal goes on where the class before ended, so that small classes do not all land in the first fold.
    let mut next = 0;
    for class in 0..n_classes {
        let mut of_class: Vec<&Vec<usize>> = units.iter().filter(|unit| labels[unit[0]] == class).collect();
        for i in (1..of_class.len()).rev() {
            of_class.swap(i, rng.next_u32() as usize % (i + 1));
        }
        let mut n_dealt = vec![0; n_folds];
        for unit in of_class {
            // The next of those that have the fewest rows: of units of one row it is the next.
            let turn = |fold: &usize| (n_dealt[*fold], (fold + n_folds - next % n_folds) % n_folds);
            let fold = (0..n_folds).min_by_key(turn).unwrap_or(0);
            n_dealt[fold] += unit.len();
            for &row in unit {
                folds[row] = fold;
            }
            next = fold + 1;
        }
    }
    folds
}

/// Rows that go together, in the order of their first ones.
fn units(n_rows: usize, groups: &[usize]) -> Vec<Vec<usize>> {
    let mut place_of = BTreeMap::new();
    let mut units: Vec<Vec<usize>> = Vec::new();
    for row in 0..n_rows {
        let place = *place_of.entry(groups.get(row).copied().unwrap_or(row)).or_insert(units.len());
        if place == units.len() {
            units.push(Vec::new());
        }
        units[place].push(row);
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_fold_gets_its_share_of_every_class(
            labels in proptest::collection::vec(0usize..4, 1..120), n_folds in 2usize..7, seed: u64
        ) {
            let folds = stratified_folds(&labels, &[], 4, n_folds, seed);
            proptest::prop_assert_eq!(&folds, &stratified_folds(&labels, &[], 4, n_folds, seed));
            for class in 0..4 {
                let in_fold = |fold| labels.iter().zip(&folds).filter(|&(&l, &f)| l == class && f == fold).count();
                let counts: Vec<usize> = (0..n_folds).map(in_fold).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                proptest::prop_assert!(most - least <= 1, "{:?}", counts);
            }
        }

        #[test]
        fn groups_stay_together_and_none_is_much_larger_than_its_share(
            rows in proptest::collection::vec((0usize..3, 0usize..20), 1..120), n_folds in 2usize..7, seed: u64
        ) {
            let (labels, groups): (Vec<usize>, Vec<usize>) =
                rows.iter().map(|&(label, group)| (label, group * 3 + label)).unzip();
            let folds = stratified_folds(&labels, &groups, 3, n_folds, seed);
            for (i, group) in groups.iter().enumerate() {
                let first = groups.iter().position(|other| other == group).unwrap();
                proptest::prop_assert_eq!(folds[i], folds[first]);
            }
            for class in 0..3 {
                let in_fold = |fold| labels.iter().zip(&folds).filter(|&(&l, &f)| l == class && f == fold).count();
                let counts: Vec<usize> = (0..n_folds).map(in_fold).collect();
                let of_group = |group: &usize| groups.iter().filter(|other| *other == group).count();
                let largest = groups.iter().filter(|group| *group % 3 == class).map(of_group).max().unwrap_or(0);
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                proptest::prop_assert!(most - least <= largest, "{:?}, the largest group has {}", counts, largest);
            }
        }
    }
}
