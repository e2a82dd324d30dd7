//! Augmented views of the training photos: rows of features like the photos themselves, computed once.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use rand::Rng;
use tl_backbone::Weights;
use tl_data::Augment;
use tl_features::{ExtractOptions, Features, Views, extract};

use crate::{
    draw::chance,
    error::TrainError,
    event::{Event, Observer},
    options::TrainOptions,
    recipe::Recipe,
};

/// Views of each photo where a policy was named and no number.
///
/// Without a policy there are none, however few the photos: over two samples, 5 to 33 photos per class and four draws of
/// them, views moved the mean accuracy by 0.1 points (logistic) and -0.5 (mlp), which is noise. The table is in
/// the README of this crate.
const N_VIEWS: usize = 4;

/// What views the training photos get; `None` for none.
pub(crate) fn views(options: &TrainOptions) -> Result<Option<Views>, TrainError> {
    let named: Augment = options.augment.parse()?;
    let n = match options.views {
        Some(n) => n,
        None if named.is_none() || options.recipe != Recipe::Features => 0,
        None => N_VIEWS,
    };
    Ok((n > 0).then_some(Views { augment: named, seed: options.seed, n }))
}

/// The rows of the photos at `paths`, which `features` holds, and behind them those of their views: view `v` (from 1)
/// of photo `i` at `v * n_photos + i`.
///
/// A view that cannot be made, as of a photo that is damaged at a place that only the view needs, is the photo.
pub(crate) fn with_views(
    weights: &Weights,
    features: &Features,
    paths: &[PathBuf],
    options: &ExtractOptions,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<Vec<f32>, TrainError> {
    let n_views = options.views.as_ref().map_or(0, |views| views.n);
    let n_total = paths.len() * n_views;
    let mut progress = |n_done| observer.event(&Event::Extracting { n_done, n_total });
    let (views, _) = extract(weights, paths, options, &mut progress, stop)?;
    let mut rows = features.rows.repeat(1 + n_views);
    for (&position, row) in views.photos.iter().zip(views.rows.chunks_exact(features.width)) {
        let place = (features.len() + position) * features.width;
        rows[place..][..features.width].copy_from_slice(row);
    }
    Ok(rows)
}

/// For each place of an epoch's `order`, the row to learn from: the photo's own or one of its views', as likely as each
/// other.
///
/// What is drawn for a photo depends on seed, epoch and photo alone, so that an interrupted run draws the same.
pub(crate) fn drawn(mut order: Vec<usize>, n_photos: usize, n_rows: usize, seed: u64, epoch: usize) -> Vec<usize> {
    let n_choices = (n_rows / n_photos.max(1)) as u64;
    for photo in &mut order {
        let mut draw = 0;
        if n_choices > 1 {
            draw = chance(seed, epoch, (*photo as u64 + 1).rotate_left(40)).next_u64() % n_choices;
        }
        *photo = *photo % n_photos + draw as usize * n_photos;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_views_where_a_policy_or_a_number_was_named() {
        let n = |options: &TrainOptions| views(options).unwrap().map_or(0, |views| views.n);
        let plain = TrainOptions::default();
        assert_eq!(n(&plain), 0);
        let named = TrainOptions { augment: "standard".to_owned(), ..plain.clone() };
        assert_eq!(n(&named), N_VIEWS);
        assert_eq!(n(&Recipe::Finetune.options()), 0, "fine-tuning draws its own");
        assert_eq!(n(&TrainOptions { views: Some(0), ..named.clone() }), 0);
        assert_eq!(n(&TrainOptions { views: Some(7), ..plain }), 7);
        assert_eq!(views(&named).unwrap().unwrap().augment, "standard".parse().unwrap());
        assert!(views(&TrainOptions { augment: "sparkle".to_owned(), ..named }).is_err());
    }

    proptest::proptest! {
        #[test]
        fn each_photo_draws_among_its_own_rows(n_photos in 1usize..60, n_views in 0usize..6, seed: u64, epoch in 0usize..20) {
            let order: Vec<usize> = (0..n_photos).rev().collect();
            let draw = |epoch| drawn(order.clone(), n_photos, n_photos * (n_views + 1), seed, epoch);
            let rows = draw(epoch);
            proptest::prop_assert_eq!(&rows, &draw(epoch));
            for (row, photo) in rows.iter().zip(&order) {
                proptest::prop_assert_eq!(row % n_photos, *photo);
                proptest::prop_assert!(*row < n_photos * (n_views + 1));
            }
            if n_photos > 30 && n_views > 0 {
                proptest::prop_assert_ne!(&rows, &draw(epoch + 1));
            }
        }

        #[test]
        fn every_row_has_its_turn(seed: u64) {
            let mut counts = [0; 4];
            for epoch in 0..400 {
                counts[drawn(vec![0], 1, 4, seed, epoch)[0]] += 1;
            }
            // Seven standard deviations to both sides: no seed in a lifetime of tests lies beyond.
            proptest::prop_assert!(counts.iter().all(|n| (40..160).contains(n)), "{:?}", counts);
        }
    }
}
