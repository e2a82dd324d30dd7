//! From photos to the rows that a head learns from.

use tl_backbone::Weights;
use tl_data::Sample;
use tl_features::{ExtractOptions, FeatureError, Features};

use super::{Halt, Run, check_classes, check_skipped, extracted::Extracted};
use crate::{
    error::TrainError,
    report::{write_photos, write_skipped},
    table::{Table, labels, samples, table},
    views::{views, with_views},
};

/// Rows of features of the photos that could be read.
pub(super) struct Rows {
    /// The training photos and their views.
    pub(super) train: Table,
    /// None where there are no validation photos.
    pub(super) val: Option<Table>,
    /// The same as they came, for fine-tuning to take.
    pub(super) val_features: Option<Features>,
    /// The photos of the rows.
    pub(super) train_photos: Vec<Sample>,
    pub(super) val_photos: Vec<Sample>,
    pub(super) n_skipped: usize,
    /// BLAKE3 of content, classes and sides of the photos.
    pub(super) data_blake3: String,
    /// Rows that were known before.
    pub(super) n_cached: usize,
}

impl Rows {
    /// Photos, of both sides.
    pub(super) fn n_photos(&self) -> usize {
        self.train_photos.len() + self.val_photos.len()
    }
}

impl Run<'_> {
    /// Features of all photos in one go, and of the training photos' views.
    pub(super) fn rows(&mut self, weights: &Weights, extracting: ExtractOptions) -> Result<Rows, Halt> {
        let (data, options) = (self.data, self.plan.options());
        let Extracted { mut train, val, skipped, data_blake3, n_cached } = self.extracted(weights, &extracting)?;
        write_skipped(self.folder, &skipped)?;
        let train_labels = labels(&train, &data.train);
        check_skipped(&skipped, train.len() + val.len(), options.max_skipped)?;
        check_classes(data, &train_labels, &skipped)?;
        let (train_photos, val_photos) = (samples(&train, &data.train), samples(&val, &data.val));
        write_photos(self.folder, data, &train_photos, &val_photos)?;
        // Taken, not copied: of many photos they are most of the memory.
        let rows = match views(options)? {
            Some(views) => {
                let extracting = ExtractOptions { views: Some(views), ..extracting };
                self.with_views(weights, &train, &train_photos, &extracting)?
            }
            None => std::mem::take(&mut train.rows),
        };
        self.clock.lap("views");
        let width = self.plan.spec().n_features;
        let val_labels = labels(&val, &data.val);
        Ok(Rows {
            train: table(rows, width, &train_labels, data).of_training(&train.photos, data),
            val: (!val.is_empty()).then(|| table(val.rows.clone(), width, &val_labels, data)),
            val_features: Some(val),
            train_photos,
            val_photos,
            n_skipped: skipped.len(),
            data_blake3,
            n_cached,
        })
    }

    fn with_views(
        &mut self,
        weights: &Weights,
        features: &Features,
        photos: &[Sample],
        extracting: &ExtractOptions,
    ) -> Result<Vec<f32>, Halt> {
        let paths: Vec<_> = photos.iter().map(|photo| photo.path.clone()).collect();
        match with_views(weights, features, &paths, extracting, self.observer, self.stop) {
            Err(TrainError::Features(FeatureError::Stopped { .. })) => Err(Halt::Interrupted { epochs: 0, steps: 0 }),
            rows => Ok(rows?),
        }
    }
}
