//! `MixUp` and `CutMix`: batches whose photos are made of two.

use rand::Rng;
use rand_pcg::Pcg64;

use crate::{draw::chance, options::TrainOptions};

/// What a batch is made of. The partner of its photo `i` of `n` is photo `n - 1 - i`: the order is drawn anyway.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Mix {
    /// `share` of each photo, and the rest of its partner (Zhang et al. 2018, arXiv:1710.09412). Half or more:
    /// mixing the other way round gives the same batch in another order.
    Up { share: f64 },
    /// A part of the partner's area, `1 - share`, put over the photo around a place in fractions of the side
    /// (Yun et al. 2019, arXiv:1905.04899).
    Cut { share: f64, x: f64, y: f64 },
}

impl Mix {
    /// What is drawn for a step of an epoch: the same for the same seed, after any interruption.
    pub(crate) fn draw(options: &TrainOptions, epoch: usize, step: usize) -> Option<Self> {
        let (up, cut) = (options.mixup > 0.0, options.cutmix > 0.0);
        let mut rng = chance(options.seed, epoch, (step as u64 + 1).rotate_left(32));
        // Where both are asked for they take turns by chance.
        let is_cut = cut && !(up && uniform(&mut rng) < 0.5);
        match (up, cut) {
            (false, false) => None,
            _ if is_cut => {
                let share = beta(options.cutmix, &mut rng);
                Some(Self::Cut { share, x: uniform(&mut rng), y: uniform(&mut rng) })
            }
            _ => {
                let share = beta(options.mixup, &mut rng);
                Some(Self::Up { share: share.max(1.0 - share) })
            }
        }
    }

    /// Mixes `pixels` `[n, side, side, 3]`, rounded to whole numbers again; with what each photo has of itself.
    pub(crate) fn pixels(self, pixels: &[u8], side: usize) -> (Vec<u8>, f64) {
        let photos: Vec<&[u8]> = pixels.chunks_exact(side * side * 3).collect();
        let pairs = photos.iter().zip(photos.iter().rev());
        match self {
            Self::Up { share } => {
                let (own, other) = (share as f32, 1.0 - share as f32);
                let mixed = |(a, b): (&u8, &u8)| (own * f32::from(*a) + other * f32::from(*b)).round() as u8;
                (pairs.flat_map(|(photo, partner)| photo.iter().zip(*partner).map(mixed)).collect(), share)
            }
            Self::Cut { share, x, y } => {
                let half = (1.0 - share).sqrt() / 2.0;
                let (left, right) = span(x, half, side);
                let (top, bottom) = span(y, half, side);
                let mut mixed = pixels.to_vec();
                for (photo, (_, partner)) in mixed.chunks_exact_mut(side * side * 3).zip(pairs) {
                    for row in top..bottom {
                        let part = (row * side + left) * 3..(row * side + right) * 3;
                        photo[part.clone()].copy_from_slice(&partner[part]);
                    }
                }
                let cut = (right - left) * (bottom - top);
                (mixed, 1.0 - cut as f64 / (side * side) as f64)
            }
        }
    }
}

/// Pixels from `middle - half` to `middle + half`, as far as they lie within the side.
fn span(middle: f64, half: f64, side: usize) -> (usize, usize) {
    let pixel = |place: f64| (place.clamp(0.0, 1.0) * side as f64).round() as usize;
    (pixel(middle - half), pixel(middle + half))
}

/// 0 or more and below 1.
fn uniform(rng: &mut Pcg64) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// A draw of Beta(alpha, alpha), by Jöhnk's rejection (1964): quick up to an alpha of 4.
fn beta(alpha: f64, rng: &mut Pcg64) -> f64 {
    loop {
        let (x, y) = (uniform(rng).powf(1.0 / alpha), uniform(rng).powf(1.0 / alpha));
        if x + y <= 1.0 && x + y > 0.0 {
            return x / (x + y);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Three photos of one grey each.
    fn greys(side: usize) -> Vec<u8> {
        [0u8, 100, 200].into_iter().flat_map(|grey| vec![grey; side * side * 3]).collect()
    }

    #[test]
    fn draws_have_the_mean_and_the_variance_of_their_distribution() {
        for alpha in [0.05, 0.2, 1.0, 4.0] {
            let mut rng = Pcg64::seed_from_u64(7);
            let draws: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            let wanted = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.015 && (variance / wanted - 1.0).abs() < 0.05, "{alpha}: {mean} {variance}");
        }
    }

    #[test]
    fn mixup_mixes_each_photo_with_its_partner() {
        let (mixed, share) = Mix::Up { share: 0.75 }.pixels(&greys(2), 2);
        assert_eq!((mixed[0], mixed[12], mixed[24], mixed.len()), (50, 100, 150, 36));
        assert!((share - 0.75).abs() < 1e-12);
    }

    #[test]
    fn cutmix_counts_the_pixels_that_are_there() {
        // A quarter of the area, half of it beyond the left edge.
        let (mixed, share) = Mix::Cut { share: 0.75, x: 0.0, y: 0.5 }.pixels(&greys(8), 8);
        let of_first: Vec<u8> = mixed[..192].chunks(3).map(|pixel| pixel[0]).collect();
        let n_cut = of_first.iter().map(|grey| usize::from(*grey == 200)).sum::<usize>();
        assert_eq!(n_cut, 8);
        assert_eq!((of_first[2 * 8], of_first[2 * 8 + 1], of_first[2 * 8 + 2], of_first[8]), (200, 200, 0, 0));
        assert!((share - 7.0 / 8.0).abs() < 1e-12);
    }

    proptest::proptest! {
        #[test]
        fn what_is_drawn_depends_on_seed_epoch_and_step(seed: u64, epoch in 0usize..50, step in 0usize..500) {
            let of = |mixup, cutmix, seed| {
                Mix::draw(&TrainOptions { mixup, cutmix, seed, ..TrainOptions::default() }, epoch, step)
            };
            proptest::prop_assert_eq!(of(0.0, 0.0, seed), None);
            proptest::prop_assert_eq!(of(0.2, 1.0, seed), of(0.2, 1.0, seed));
            proptest::prop_assert_ne!(of(1.0, 0.0, seed), of(1.0, 0.0, seed.wrapping_add(1)));
            let up = of(0.2, 0.0, seed);
            proptest::prop_assert!(matches!(up, Some(Mix::Up { share }) if (0.5..=1.0).contains(&share)), "{:?}", up);
            let cut = of(0.0, 1.0, seed).unwrap();
            let (mixed, share) = cut.pixels(&greys(9), 9);
            let cut = mixed[..243].chunks(3).filter(|pixel| pixel[0] == 200).count();
            proptest::prop_assert!((share - (1.0 - cut as f64 / 81.0)).abs() < 1e-12, "{} of {}", cut, share);
        }
    }
}
