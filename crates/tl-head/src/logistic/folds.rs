//! Who is held out when.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// The fold of each row: every class is dealt out evenly over the folds, in an order that depends on the seed.
pub(super) fn stratified_folds(labels: &[usize], n_classes: usize, n_folds: usize, seed: u64) -> Vec<usize> {
    let mut rng = Pcg32::seed_from_u64(seed);
    let mut folds = vec![0; labels.len()];
    // The deal goes on where the class before ended, so that small classes do not all land in the first fold.
    let mut next = 0;
    for class in 0..n_classes {
        let mut rows: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == class).collect();
        for i in (1..rows.len()).rev() {
            rows.swap(i, rng.next_u32() as usize % (i + 1));
        }
        for row in rows {
            folds[row] = next % n_folds;
            next += 1;
        }
    }
    folds
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_fold_gets_its_share_of_every_class(
            labels in proptest::collection::vec(0usize..4, 1..120), n_folds in 2usize..7, seed: u64
        ) {
            let folds = stratified_folds(&labels, 4, n_folds, seed);
            proptest::prop_assert_eq!(&folds, &stratified_folds(&labels, 4, n_folds, seed));
            for class in 0..4 {
                let in_fold = |fold| labels.iter().zip(&folds).filter(|&(&l, &f)| l == class && f == fold).count();
                let counts: Vec<usize> = (0..n_folds).map(in_fold).collect();
                let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
                proptest::prop_assert!(most - least <= 1, "{:?}", counts);
            }
        }
    }
}
