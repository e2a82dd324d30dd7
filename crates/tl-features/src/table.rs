//! Rows on their way to their places.

use std::sync::atomic::{AtomicBool, Ordering};

use tl_data::Skipped;

use crate::{error::FeatureError, features::Features, twins::Twin, worker::Photo};

/// Rows by the positions of their photos: they arrive in any order.
pub(crate) struct Table {
    width: usize,
    rows: Vec<f32>,
    hashes: Vec<[u8; 32]>,
    skipped: Vec<(usize, Skipped)>,
    twins: Vec<Twin>,
    pub(crate) n_done: usize,
}

impl Table {
    pub(crate) fn new(n_photos: usize, width: usize) -> Self {
        Self {
            width,
            rows: vec![0.0; n_photos * width],
            hashes: vec![[0; 32]; n_photos],
            skipped: Vec::new(),
            twins: Vec::new(),
            n_done: 0,
        }
    }

    /// Takes the rows of some photos, `[photos.len(), width]`.
    pub(crate) fn put(&mut self, photos: &[Photo], rows: &[f32]) {
        for (photo, row) in photos.iter().zip(rows.chunks_exact(self.width)) {
            self.rows[photo.position * self.width..][..self.width].copy_from_slice(row);
            self.hashes[photo.position] = photo.content;
        }
        self.n_done += photos.len();
    }

    /// Takes photos that could not be read.
    pub(crate) fn skip(&mut self, skipped: Vec<(usize, Skipped)>) {
        self.n_done += skipped.len();
        self.skipped.extend(skipped);
    }

    /// Takes photos whose rows come with others.
    pub(crate) fn take_twins(&mut self, twins: Vec<Twin>) {
        self.n_done += twins.len();
        self.twins.extend(twins);
    }

    /// Fills the rows of twins.
    fn settle_twins(&mut self) {
        self.skipped.sort_by_key(|(photo, _)| *photo);
        let skipped_of = |twin: &Twin| {
            let found = self.skipped.binary_search_by_key(&twin.first, |(photo, _)| *photo).ok()?;
            Some(twin.skipped_as(&self.skipped[found].1))
        };
        let skipped: Vec<_> = self.twins.iter().filter_map(skipped_of).collect();
        self.skipped.extend(skipped);
        for Twin { photo, first, .. } in &self.twins {
            self.rows.copy_within(first * self.width..(first + 1) * self.width, photo.position * self.width);
            self.hashes[photo.position] = photo.content;
        }
    }

    /// Closes the gaps that skipped photos left.
    pub(crate) fn finish(mut self, stop: &AtomicBool) -> Result<(Features, Vec<Skipped>), FeatureError> {
        let (width, n_done, n_photos) = (self.width, self.n_done, self.hashes.len());
        if n_done < n_photos {
            return Err(match stop.load(Ordering::Relaxed) {
                true => FeatureError::Stopped { n_done, n_photos },
                false => FeatureError::WorkerLost { n_done, n_photos },
            });
        }
        self.settle_twins();
        self.skipped.sort_by_key(|(photo, _)| *photo);
        let is_kept = |photo: &usize| self.skipped.binary_search_by_key(photo, |(skipped, _)| *skipped).is_err();
        let photos: Vec<usize> = (0..n_photos).filter(is_kept).collect();
        for (row, &photo) in photos.iter().enumerate() {
            self.rows.copy_within(photo * width..(photo + 1) * width, row * width);
        }
        self.rows.truncate(photos.len() * width);
        let hashes = photos.iter().map(|&photo| self.hashes[photo]).collect();
        let features = Features { width, rows: self.rows, photos, hashes };
        Ok((features, self.skipped.into_iter().map(|(_, skipped)| skipped).collect()))
    }
}
