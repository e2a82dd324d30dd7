//! Copies of a photo in one folder, whose row is computed once.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use tl_data::Skipped;

use crate::worker::Photo;

/// A photo whose row is that of another, which was taken before it.
pub(crate) struct Twin {
    pub(crate) photo: Photo,
    pub(crate) path: PathBuf,
    /// The place of the other's row.
    pub(crate) first: usize,
}

impl Twin {
    /// It cannot be read for the same reason as the first.
    pub(crate) fn skipped_as(&self, first: &Skipped) -> (usize, Skipped) {
        (self.photo.position, Skipped { path: self.path.clone(), reason: first.reason.clone() })
    }
}

/// Where the row of each content and view is, or will be.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<([u8; 32], usize), usize>>);

impl Places {
    /// The place of the row that is to be computed for this photo too, if there is one; from now on it is this photo's
    /// own otherwise.
    pub(crate) fn first(&self, photo: &Photo) -> Option<usize> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *places.entry((photo.content, photo.view)).or_insert(photo.position);
        (first != photo.position).then_some(first)
    }
}
