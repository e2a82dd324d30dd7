//! The photos of a run: found, split, counted.

use tl_data::{Folder, Sample, ScanOptions, Skipped, SplitOptions, scan, scan_with_val, stratified_split};

use crate::{error::TrainError, options::TrainOptions};

/// Training and validation photos with their classes.
#[derive(Debug, Clone)]
pub struct Data {
    /// Class names, sorted; position is label.
    pub classes: Vec<String>,
    /// Photos to train on.
    pub train: Vec<Sample>,
    /// Photos to validate on; none when that was asked for.
    pub val: Vec<Sample>,
    /// What was found but is no photo.
    pub skipped: Vec<Skipped>,
}

impl Data {
    /// Finds the photos that `options` name, and splits them when no validation folder is given.
    pub fn load(options: &TrainOptions) -> Result<Self, TrainError> {
        let Some(root) = &options.data else {
            return Err(TrainError::Options { problems: vec!["no folder of photos was given".to_owned()] });
        };
        let scan_options = ScanOptions::default();
        let folder = match &options.val {
            Some(val) => scan_with_val(root, val, &scan_options)?,
            None => scan(root, &scan_options)?,
        };
        let Folder { classes, train, val, skipped, .. } = folder;
        let (train, val) = match val {
            Some(val) => (train, val),
            None if options.val_fraction == 0.0 => (train, Vec::new()),
            None => {
                let split =
                    SplitOptions { val_fraction: options.val_fraction, seed: options.seed, ..SplitOptions::default() };
                stratified_split(train, &classes, &split)?
            }
        };
        Ok(Self { classes, train, val, skipped })
    }

    /// Photos per class.
    #[must_use]
    pub fn counts(&self, samples: &[Sample]) -> Vec<usize> {
        count_labels(samples.iter().map(|sample| sample.label), self.classes.len())
    }
}

/// How often each label occurs.
pub(crate) fn count_labels(labels: impl IntoIterator<Item = usize>, n_classes: usize) -> Vec<usize> {
    let mut counts = vec![0; n_classes];
    for label in labels {
        counts[label] += 1;
    }
    counts
}
