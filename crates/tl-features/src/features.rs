//! The table of features.

use tch::Tensor;
use tl_torch::{TorchError, tensor_from_f32};

/// Feature rows of the photos that could be read, in the photos' order.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Features per photo.
    pub width: usize,
    /// `[len, width]`, row-major.
    pub rows: Vec<f32>,
    /// For each row, the position of its photo in the list that was asked for. Ascending.
    pub photos: Vec<usize>,
    /// For each row, the BLAKE3 hash of its photo's bytes.
    pub hashes: Vec<[u8; 32]>,
}

impl Features {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.photos.len()
    }

    /// Whether no photo could be read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.photos.is_empty()
    }

    /// All rows as a tensor: `[len, width] f32`, a copy.
    ///
    /// # Errors
    /// [`TorchError::Length`] where `rows` are not `width` numbers for each photo.
    pub fn to_tensor(&self) -> Result<Tensor, TorchError> {
        tensor_from_f32(&self.rows, &[self.len() as i64, self.width as i64])
    }

    /// Splits off the rows whose photo comes at or after `first_photo`, renumbered from 0.
    ///
    /// Training and validation photos are extracted in one go, so that no core idles between them; this
    /// parts the two again.
    #[must_use]
    pub fn split_at_photo(mut self, first_photo: usize) -> (Self, Self) {
        let row = self.photos.partition_point(|&photo| photo < first_photo);
        let rows = self.rows.split_off(row * self.width);
        let photos = self.photos.split_off(row).into_iter().map(|photo| photo - first_photo).collect();
        let hashes = self.hashes.split_off(row);
        let width = self.width;
        (self, Self { width, rows, photos, hashes })
    }
}
