//! Which photos an epoch has, and in which order.

use rand::Rng;

use crate::{draw::chance, options::Sampler};

/// The photos of `epoch`, as many as there are `labels`. Photo `i` is at `i`, and where it comes up once more at
/// `i + n`, then at `i + 2n`, so that each time may have a draw of its own.
pub(crate) fn order(sampler: Sampler, labels: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    match sampler {
        Sampler::Shuffle => shuffled(labels.len(), seed, epoch),
        Sampler::Balanced => balanced(labels, seed, epoch),
    }
}

/// Every class comes up equally often, but for a remainder that goes round the classes from epoch to epoch. Of a class
/// that is too large others have their turn each time; a photo of one that is too small comes up again only after
/// all of its class.
fn balanced(labels: &[usize], seed: u64, epoch: usize) -> Vec<usize> {
    let n = labels.len();
    let classes = by_class(labels);
    let k = classes.len().max(1);
    let mut drawn = Vec::with_capacity(n);
    for (class, photos) in classes.iter().enumerate() {
        let quota = n / k + usize::from((class + epoch) % k < n % k);
        let seed = seed ^ (class as u64 + 1).rotate_left(40);
        let rounds = (0..quota.div_ceil(photos.len())).flat_map(|round| {
            let places = shuffled(photos.len(), seed ^ (round as u64).rotate_left(20), epoch);
            places.into_iter().map(move |place| photos[place] + round * n)
        });
        drawn.extend(rounds.take(quota));
    }
    shuffled(n, seed, epoch).into_iter().map(|place| drawn[place]).collect()
}

/// The photos of each class that has any.
fn by_class(labels: &[usize]) -> Vec<Vec<usize>> {
    let mut classes = vec![Vec::new(); labels.iter().max().map_or(0, |last| last + 1)];
    labels.iter().enumerate().for_each(|(photo, &label)| classes[label].push(photo));
    classes.retain(|photos| !photos.is_empty());
    classes
}

/// Positions `0..n` in the order of `epoch`: the same for the same seed, on any machine.
///
/// A Fisher-Yates shuffle (Durstenfeld 1964), written out because a library's may change with its version,
/// and an interrupted run must find its order again.
fn shuffled(n: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let mut rng = chance(seed, epoch, 0);
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        // The bias of a modulus is below 2^-40 for any folder of photos.
        order.swap(i, (rng.next_u64() % (i as u64 + 1)) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn is_a_permutation_that_depends_on_seed_and_epoch(n in 0usize..200, seed: u64, epoch in 0usize..50) {
            let order = shuffled(n, seed, epoch);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            proptest::prop_assert_eq!(sorted, (0..n).collect::<Vec<_>>());
            proptest::prop_assert_eq!(&order, &shuffled(n, seed, epoch));
            if n > 50 {
                proptest::prop_assert_ne!(&order, &shuffled(n, seed, epoch + 1));
                proptest::prop_assert_ne!(&order, &shuffled(n, seed.wrapping_add(1), epoch));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn every_class_comes_up_equally_often(
            labels in proptest::collection::vec(0usize..5, 1..120), seed: u64, epoch in 0usize..50
        ) {
            let n = labels.len();
            let order = balanced(&labels, seed, epoch);
            proptest::prop_assert_eq!(&order, &balanced(&labels, seed, epoch));
            proptest::prop_assert_eq!(order.len(), n);
            let photos: Vec<usize> = order.iter().map(|place| place % n).collect();
            let (mut of_class, mut of_photo) = ([0; 5], vec![0; n]);
            for photo in photos {
                of_class[labels[photo]] += 1;
                of_photo[photo] += 1;
            }
            let k = by_class(&labels).len();
            for (class, count) in of_class.iter().enumerate().filter(|(class, _)| labels.contains(class)) {
                proptest::prop_assert!(*count == n / k || *count == n / k + 1, "{:?}", of_class);
                let counts = of_photo.iter().zip(&labels).filter(|(_, label)| **label == class).map(|(count, _)| count);
                let (least, most) = (counts.clone().min().unwrap(), counts.max().unwrap());
                proptest::prop_assert!(most - least <= 1, "photos of class {} come up {:?}", class, of_photo);
            }
            // No place comes up twice.
            let mut sorted = order.clone();
            sorted.sort_unstable();
            sorted.dedup();
            proptest::prop_assert_eq!(sorted.len(), n);
        }
    }

    #[test]
    fn a_large_class_has_all_its_photos_in_turn_over_the_epochs() {
        let labels: Vec<usize> = (0..40).map(|photo| usize::from(photo < 4)).collect();
        let seen = |epochs| {
            let mut seen: Vec<usize> =
                (0..epochs).flat_map(|epoch| balanced(&labels, 3, epoch)).map(|p| p % 40).collect();
            seen.sort_unstable();
            seen.dedup();
            seen.len()
        };
        assert_eq!(seen(1), 24, "all four, and twenty of the others");
        assert_eq!(seen(12), 40);
        assert_ne!(balanced(&labels, 3, 0), balanced(&labels, 3, 1));
        assert_ne!(balanced(&labels, 3, 0), balanced(&labels, 4, 0));
    }

    #[test]
    fn stays_the_same_from_version_to_version() {
        assert_eq!(shuffled(8, 0, 0), GOLDEN);
    }

    /// Written down from the first version; a change here breaks every interrupted run.
    const GOLDEN: [usize; 8] = [4, 3, 5, 1, 0, 7, 2, 6];
}
