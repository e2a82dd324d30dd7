//! Batches: order, gaps, stopping.

use std::{path::Path, sync::Arc};

use tl_data::{DataError, Geometry, Loader, LoaderOptions, Sample, find_photos};

/// Every golden photo, and one that is none.
fn samples() -> Arc<[Sample]> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden");
    let (mut photos, _) = find_photos(std::slice::from_ref(&root)).unwrap();
    photos.insert(5, root.join("generate.py"));
    photos.into_iter().enumerate().map(|(label, path)| Sample { path, label }).collect()
}

fn pass(n_threads: usize, augment: &str, order: &[usize]) -> (Vec<u8>, Vec<usize>, usize) {
    let augment = Some(augment.parse().unwrap());
    let options = LoaderOptions { batch_size: 4, n_threads, augment, ..LoaderOptions::default() };
    let loader = Loader::new(Geometry::squash(16), options).unwrap();
    let (mut pixels, mut positions, mut n_skipped) = (Vec::new(), Vec::new(), 0);
    for batch in loader.pass(samples(), order, 3) {
        assert_eq!(batch.pixels().len(), batch.len() * 16 * 16 * 3);
        assert_eq!(batch.labels, batch.positions);
        pixels.extend_from_slice(batch.pixels());
        positions.extend_from_slice(&batch.positions);
        n_skipped += batch.skipped.len();
    }
    (pixels, positions, n_skipped)
}

#[test]
fn batches_do_not_depend_on_threads() {
    let order: Vec<_> = (0..samples().len()).rev().collect();
    let one = pass(1, "crop(0.5)|flip|rotate(20)|noise(9)", &order);
    assert_eq!(one, pass(3, "crop(0.5)|flip|rotate(20)|noise(9)", &order));
    let expected: Vec<_> = order.iter().copied().filter(|&i| i != 5).collect();
    assert_eq!((one.1, one.2), (expected, 1));
}

#[test]
fn a_view_depends_on_the_photo_not_on_its_turn() {
    let photo = 16 * 16 * 3;
    let (forwards, ..) = pass(2, "standard", &[0, 1, 2]);
    let (backwards, ..) = pass(2, "standard", &[2, 1, 0]);
    assert_eq!(forwards[..photo], backwards[2 * photo..]);
}

#[test]
fn a_pass_that_is_dropped_leaves_the_loader_usable() {
    let options = LoaderOptions { batch_size: 2, ..LoaderOptions::default() };
    let loader = Loader::new(Geometry::squash(16), options).unwrap();
    let order: Vec<_> = (0..samples().len()).collect();
    assert!(loader.pass(samples(), &order, 0).next().is_some());
    assert_eq!(loader.pass(samples(), &order, 0).map(|batch| batch.len()).sum::<usize>(), order.len() - 1);
}

#[test]
fn sizes_of_no_use_are_refused() {
    for side in [0, u32::MAX] {
        assert!(matches!(Loader::new(Geometry::squash(side), LoaderOptions::default()), Err(DataError::Side { .. })));
    }
}
