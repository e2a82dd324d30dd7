//! Rows of features with what they are to be answered with.

use tl_data::Sample;
use tl_features::Features;
use tl_head::{Head, LossOptions, Targets};

use crate::{data::Data, error::TrainError, targets::evaluate};

/// Features of one side with their labels.
pub(crate) struct Table {
    /// `[n_rows, width]`, row by row: the photos, then their views.
    pub(crate) features: Vec<f32>,
    pub(crate) width: usize,
    /// `[n_rows]`.
    pub(crate) labels: Vec<usize>,
    /// What the rows are to be answered with.
    pub(crate) targets: Targets,
    /// Photos; the views of each come in as many rounds as there are.
    pub(crate) n_photos: usize,
    /// Of the photos: those with one number are held out together. Empty, each goes by itself.
    pub(crate) groups: Vec<usize>,
}

impl Table {
    /// Photos.
    pub(crate) fn len(&self) -> usize {
        self.n_photos
    }

    /// The same, of these photos of the training part.
    pub(crate) fn of_training(self, photos: &[usize], data: &Data) -> Self {
        Self { groups: photos.iter().filter_map(|&photo| data.together.get(photo)).copied().collect(), ..self }
    }

    /// Photos and views of them.
    pub(crate) fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// The features of the rows at `places`.
    pub(crate) fn select(&self, places: &[usize]) -> Vec<f32> {
        let mut rows = Vec::with_capacity(places.len() * self.width);
        for place in places {
            rows.extend_from_slice(&self.features[place * self.width..][..self.width]);
        }
        rows
    }

    /// Loss and accuracy of a head that stands still.
    pub(crate) fn evaluate(&self, head: &Head, loss: &LossOptions, n_threads: usize) -> Result<(f64, f64), TrainError> {
        let logits = head.logits_on(n_threads, &self.features)?;
        evaluate(&logits, head.config().n_classes, &self.targets, loss)
    }
}

/// Labels of the rows.
pub(crate) fn labels(features: &Features, samples: &[Sample]) -> Vec<usize> {
    features.photos.iter().map(|&photo| samples[photo].label).collect()
}

/// The photos of the rows.
pub(crate) fn samples(features: &Features, samples: &[Sample]) -> Vec<Sample> {
    features.photos.iter().map(|&photo| samples[photo].clone()).collect()
}

/// Rows with their labels, which the views of a photo share with it.
pub(crate) fn table(rows: Vec<f32>, width: usize, labels: &[usize], data: &Data) -> Table {
    let (n_photos, n_rows) = (labels.len(), rows.len() / width);
    let labels: Vec<usize> = labels.iter().copied().cycle().take(n_rows).collect();
    Table { features: rows, width, targets: data.answers().targets(&labels), labels, n_photos, groups: Vec::new() }
}
