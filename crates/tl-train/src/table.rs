//! Rows of features with what they are to be answered with.

use tch::Tensor;
use tl_data::Sample;
use tl_features::Features;
use tl_head::{Head, LossOptions};

use crate::{data::Data, error::TrainError, targets::evaluate};

/// Features of one side with their labels.
pub(crate) struct Table {
    /// `[n_rows, width] f32`: the photos, then their views.
    pub(crate) features: Tensor,
    /// `[n_rows]`.
    pub(crate) labels: Vec<usize>,
    /// What the rows are to be answered with: the labels, or `[n_rows, n_classes] f32` where rows may have several
    /// classes.
    pub(crate) targets: Tensor,
    /// Photos; the views of each come in as many rounds as there are.
    pub(crate) n_photos: usize,
}

impl Table {
    /// Photos.
    pub(crate) fn len(&self) -> usize {
        self.n_photos
    }

    /// Photos and views of them.
    pub(crate) fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// Loss and accuracy of a head that stands still.
    pub(crate) fn evaluate(&self, head: &Head, loss: &LossOptions) -> Result<(f64, f64), TrainError> {
        evaluate(head, &self.features, &self.targets, loss)
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
pub(crate) fn table(rows: &[f32], width: usize, labels: &[usize], data: &Data) -> Result<Table, TrainError> {
    let (n_photos, n_rows) = (labels.len(), rows.len() / width);
    let labels: Vec<usize> = labels.iter().copied().cycle().take(n_rows).collect();
    let features = tl_torch::tensor_from_f32(rows, &[n_rows as i64, width as i64])?;
    Ok(Table { features, targets: data.answers().targets(&labels)?, labels, n_photos })
}
