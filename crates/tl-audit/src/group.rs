//! Photos that show the same picture.

use serde::Serialize;

use crate::photo::{Part, Photo};

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

    /// At most `n` of the photos to name: the first of each class in each part, then others, in their order.
    pub(crate) fn shown(&self, n: usize) -> Vec<&Photo> {
        let is_first = |i: usize| i == 0 || self.place(i) != self.place(i - 1);
        let (firsts, others): (Vec<_>, Vec<_>) = (0..self.photos.len()).partition(|&i| is_first(i));
        let mut shown: Vec<_> = firsts.into_iter().chain(others).take(n).collect();
        shown.sort_unstable();
        shown.into_iter().map(|i| &self.photos[i]).collect()
    }

    fn place(&self, i: usize) -> (Part, &str) {
        (self.photos[i].part, &self.photos[i].class)
    }
}
