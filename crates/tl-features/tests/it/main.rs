//! Extraction on made photos with the real weights of the smallest network.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a test may panic, and says where"
)]

mod cache;
mod export;

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use image::{Rgb, RgbImage};
use tempfile::TempDir;
use tl_backbone::{Weights, spec};
use tl_features::{ExtractOptions, FeatureError, Features, extract};

fn weights() -> Weights {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights/mobilenet_v3_small.safetensors");
    assert!(path.is_file(), "{} is missing: run `cargo xtask fetch --all`", path.display());
    Weights::open(&path, spec("mobilenet_v3_small").unwrap()).unwrap()
}

/// `n` photos of which each seventh is broken.
fn photos(n: usize) -> (TempDir, Vec<PathBuf>) {
    let dir = TempDir::new().unwrap();
    let paths = (0..n)
        .map(|i| {
            let path = dir.path().join(format!("{i:03}.png"));
            match i % 7 == 3 {
                true => std::fs::write(&path, b"\x89PNG\r\n\x1a\n and no more").unwrap(),
                false => picture(i as u32).save(&path).unwrap(),
            }
            path
        })
        .collect();
    (dir, paths)
}

fn picture(i: u32) -> RgbImage {
    RgbImage::from_fn(40 + i % 5 * 9, 33, |x, y| Rgb([(x * i) as u8, (y * 5 + i) as u8, (x ^ y) as u8]))
}

fn run(photos: &[PathBuf], options: &ExtractOptions) -> (Features, Vec<PathBuf>) {
    let (features, skipped) = extract(&weights(), photos, options, &mut |_| {}, &AtomicBool::new(false)).unwrap();
    (features, skipped.into_iter().map(|s| s.path).collect())
}

#[test]
fn rows_belong_to_their_photos_whatever_was_skipped() {
    let (_dir, paths) = photos(23);
    let (features, skipped) = run(&paths, &ExtractOptions::default());
    let broken: Vec<PathBuf> = paths.iter().enumerate().filter(|(i, _)| i % 7 == 3).map(|(_, p)| p.clone()).collect();
    assert_eq!(skipped, broken);
    assert_eq!(features.photos, (0..23).filter(|i| i % 7 != 3).collect::<Vec<_>>());
    // Each row is what its photo gives alone.
    for (row, &photo) in features.photos.iter().enumerate() {
        let (alone, _) = run(&paths[photo..=photo], &ExtractOptions::default());
        let here = &features.rows[row * features.width..][..features.width];
        let difference = alone.rows.iter().zip(here).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-4, "photo {photo}: {difference}");
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let (_dir, paths) = photos(30);
    let with = |n_threads| run(&paths, &ExtractOptions { n_threads, ..ExtractOptions::default() });
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(3));
}

/// Copies of photos, whole and broken: their rows and reasons are those of the first, wherever they lie.
#[test]
fn copies_are_computed_once() {
    let dir = TempDir::new().unwrap();
    let photos: Vec<PathBuf> = (0..7).map(|i| dir.path().join(format!("{i}.png"))).collect();
    photos[..6].iter().zip(1..).for_each(|(path, i)| picture(i).save(path).unwrap());
    std::fs::write(&photos[6], &std::fs::read(&photos[0]).unwrap()[..500]).unwrap();
    let copy = |(i, photo): (usize, &PathBuf)| {
        let copy = dir.path().join(format!("copy{i}"));
        std::fs::copy(photo, &copy).unwrap();
        copy
    };
    let copies: Vec<PathBuf> = photos.iter().enumerate().map(copy).collect();
    let mixed: Vec<PathBuf> = copies.iter().rev().chain(&photos).chain(&copies[..3]).cloned().collect();
    let (one_by_one, _) = run(&photos, &ExtractOptions::default());
    for n_threads in [1, 3] {
        let (rows, skipped) = run(&mixed, &ExtractOptions { n_threads, ..ExtractOptions::default() });
        assert_eq!(skipped, [&mixed[0], &mixed[13]].map(Clone::clone));
        let row = |features: &Features, i: usize| features.rows[i * features.width..][..features.width].to_vec();
        let of = |place: usize| rows.photos.iter().position(|&photo| photo == place).map(|i| row(&rows, i));
        for i in 0..6 {
            for place in [6 - i, 7 + i] {
                assert_eq!(of(place), Some(row(&one_by_one, i)), "{place}");
            }
        }
        assert_eq!((of(14), rows.len()), (Some(row(&one_by_one, 0)), 15));
    }
}

#[test]
fn training_and_validation_part_again() {
    let (_dir, paths) = photos(20);
    let (all, _) = run(&paths, &ExtractOptions::default());
    let (train, val) = all.clone().split_at_photo(12);
    assert_eq!(train.photos, [0, 1, 2, 4, 5, 6, 7, 8, 9, 11]);
    assert_eq!(val.photos, [0, 1, 2, 3, 4, 6, 7]);
    assert_eq!([train.rows, val.rows].concat(), all.rows);
    assert_eq!(train.hashes.len() + val.hashes.len(), all.len());
}

#[test]
fn stopping_is_an_error_that_says_how_far_it_came() {
    let (_dir, paths) = photos(40);
    let stop = AtomicBool::new(false);
    let options = ExtractOptions { n_threads: 1, ..ExtractOptions::default() };
    let mut on_progress = |_| stop.store(true, Ordering::Relaxed);
    match extract(&weights(), &paths, &options, &mut on_progress, &stop) {
        Err(FeatureError::Stopped { n_done, n_photos: 40 }) => assert!(n_done < 40, "{n_done}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn no_photos_are_no_rows() {
    let (features, skipped) = run(&[], &ExtractOptions::default());
    assert!(features.is_empty() && skipped.is_empty());
    assert_eq!(features.to_tensor().unwrap().size(), [0, features.width as i64]);
}

/// What reduced decoding of large photos does to features: the figure stands in tl-data's README.
#[test]
fn reduced_decoding_hardly_changes_features() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples/pizza_steak_sushi/test/pizza");
    assert!(folder.is_dir(), "{} is missing: run `cargo xtask fetch`", folder.display());
    let dir = TempDir::new().unwrap();
    let mut names: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let enlarged = |(i, name): (usize, &PathBuf)| {
        let photo = image::open(name).unwrap().to_rgb8();
        // Twelve hundred pixels and more, so that an eighth, a quarter and a half all occur.
        let factor = [2, 3, 5][i % 3];
        let (width, height) = (photo.width() * factor, photo.height() * factor);
        let path = dir.path().join(format!("{i}.jpg"));
        image::imageops::resize(&photo, width, height, image::imageops::FilterType::CatmullRom).save(&path).unwrap();
        path
    };
    let paths: Vec<PathBuf> = names.iter().take(12).enumerate().map(enlarged).collect();
    let with = |reduced| {
        let geometry = Some(tl_data::Geometry { reduced, ..tl_data::Geometry::crop(256, 224) });
        run(&paths, &ExtractOptions { geometry, ..ExtractOptions::default() }).0.rows
    };
    let (reduced, full) = (with(true), with(false));
    assert_ne!(reduced, full, "reduced decoding was not used");
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|v| f64::from(v).powi(2)).sum::<f64>().sqrt();
    let error = norm(&mut reduced.iter().zip(&full).map(|(a, b)| a - b)) / norm(&mut full.iter().copied());
    println!("relative change of features by reduced decoding: {error:.4}");
    assert!(error < 0.05, "{error}");
}
