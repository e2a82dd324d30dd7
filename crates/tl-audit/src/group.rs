//! Photos that show the same picture.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{likeness::Likeness, look::Look, photo::Photo, sets::Sets};

/// Two or more photos that show the same picture.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Group {
    /// How far the photos are the same.
    pub sameness: Sameness,
    /// They lie in more than one part: what is validated on was trained on.
    pub leaks: bool,
    /// They have more than one class: whatever is learned of one is wrong for the other.
    pub has_two_labels: bool,
    /// The photos, sorted by part, class and path; equal files have equal [`Photo::content`].
    pub photos: Vec<Photo>,
}

/// How far photos are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sameness {
    /// Byte by byte.
    Equal,
    /// To the eye: scaled, recompressed or slightly edited, or taken a moment apart.
    Similar,
}

impl Group {
    pub(crate) fn new(photos: Vec<Photo>) -> Self {
        let differ = |is_other: fn(&Photo, &Photo) -> bool| photos.iter().any(|photo| is_other(photo, &photos[0]));
        Self {
            sameness: match differ(|a, b| a.content != b.content) {
                true => Sameness::Similar,
                false => Sameness::Equal,
            },
            leaks: differ(|a, b| a.part != b.part),
            has_two_labels: differ(|a, b| a.class != b.class),
            photos,
        }
    }
}

/// Positions of photos that show the same picture, in groups of two or more.
///
/// `max_distance` is the largest difference of likenesses; `None` takes equal files only.
pub(crate) fn same_pictures(looks: &[&Look], max_distance: Option<u32>) -> Vec<Vec<usize>> {
    let mut sets = Sets::new(looks.len());
    join_equal(&mut sets, looks.iter().map(|look| look.content).enumerate());
    if let Some(max_distance) = max_distance {
        let likenesses = looks.iter().enumerate().filter_map(|(i, look)| Some((i, look.likeness?)));
        let distinct = join_equal(&mut sets, likenesses);
        join_similar(&mut sets, &distinct, max_distance);
    }
    sets.several()
}

/// Joins all positions of one key, and returns each key with its first position.
fn join_equal<K: Ord + Copy>(sets: &mut Sets, keys: impl Iterator<Item = (usize, K)>) -> Vec<(K, usize)> {
    let mut first = BTreeMap::new();
    for (i, key) in keys {
        sets.join(*first.entry(key).or_insert(i), i);
    }
    first.into_iter().collect()
}

/// Compares each with each: half a second for 20,000 photos, and nothing is kept but the sets.
fn join_similar(sets: &mut Sets, likenesses: &[(Likeness, usize)], max_distance: u32) {
    for (n, &(a, i)) in likenesses.iter().enumerate() {
        for &(b, j) in &likenesses[n + 1..] {
            if a.distance(b) <= max_distance {
                sets.join(i, j);
            }
        }
    }
}
