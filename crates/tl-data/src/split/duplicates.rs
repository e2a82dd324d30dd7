use std::path::PathBuf;

use rayon::prelude::*;

use super::{
    content::content_key,
    sets::Sets,
    units::{Together, joined, kept_together},
};
use crate::{sample::Sample, threads::in_pool};

/// A validation photo that training has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leak {
    /// Position among the training photos.
    pub train: usize,
    /// Position among the validation photos.
    pub val: usize,
}

/// Groups of two or more equal files, as positions in `photos`, each sorted.
#[must_use]
pub fn exact_duplicates(photos: &[PathBuf]) -> Vec<Vec<usize>> {
    let keys: Vec<_> = in_pool(0, || photos.par_iter().map(|path| content_key(path)).collect());
    let mut sets = Sets::new(photos.len());
    sets.join_equal(keys.into_iter().enumerate());
    several(sets)
}

/// Groups of two or more photos that look alike: each differs from another of its group in at most
/// `max_distance` of the 128 edges of their [`PerceptualHash`](crate::PerceptualHash), or is equal to it.
#[cfg(feature = "decode")]
#[must_use]
pub fn near_duplicates(photos: &[PathBuf], max_distance: u32, options: &crate::DecodeOptions) -> Vec<Vec<usize>> {
    let together = Together { near_duplicates: Some(max_distance), decode: *options, ..Together::default() };
    let samples: Vec<_> = photos.iter().map(|path| Sample { path: path.clone(), label: 0 }).collect();
    several(joined(&samples, &together).0)
}

/// Groups of two or more photos that show the same picture, for a caller who has read them already: equal
/// `contents`, or `hashes` that differ in at most `max_distance` of 128 edges (`None` compares contents alone).
#[cfg(feature = "decode")]
#[must_use]
pub fn same_pictures(
    contents: &[[u8; 32]],
    hashes: &[Option<super::perceptual::PerceptualHash>],
    max_distance: Option<u32>,
) -> Vec<Vec<usize>> {
    let mut sets = Sets::new(contents.len());
    sets.join_equal(contents.iter().enumerate());
    if let Some(max_distance) = max_distance {
        super::units::join_near(&mut sets, &hashes[..hashes.len().min(contents.len())], max_distance);
    }
    several(sets)
}

/// The validation photos that are in the training part too, as `together` tells photos apart.
///
/// Each is reported once, with the first training photo that it equals or resembles.
#[must_use]
pub fn leaks(train: &[Sample], val: &[Sample], together: &Together) -> Vec<Leak> {
    let all: Vec<_> = train.iter().chain(val).cloned().collect();
    leaks_among(&kept_together(&all, together), train.len())
}

/// The same of what [`kept_together`] says of the training photos, which are `n_train`, and the validation photos behind
/// them.
#[must_use]
pub fn leaks_among(together: &[usize], n_train: usize) -> Vec<Leak> {
    let val = together.iter().skip(n_train).enumerate();
    val.filter(|(_, first)| **first < n_train).map(|(val, &train)| Leak { train, val }).collect()
}

fn several(sets: Sets) -> Vec<Vec<usize>> {
    sets.into_vecs().into_iter().filter(|set| set.len() > 1).collect()
}
