//! The photos of a run: found, split, counted.

use std::path::{Path, PathBuf};

use tl_data::{
    Folder, LabelSets, Labels, List, Sample, ScanOptions, Skipped, Split, SplitOptions, Together, kept_together,
    leaks_among, read_data, scan_with_val, stratified_split, stratified_split_by_sets,
};

use crate::{
    error::TrainError,
    options::{HeadKind, TrainOptions},
    targets::Answers,
};

/// Training and validation photos with their classes.
#[derive(Debug, Clone)]
pub struct Data {
    /// Class names, sorted; position is label.
    pub classes: Vec<String>,
    /// The sets of classes that photos have, when they may have several: then a label is a position here.
    pub label_sets: Option<LabelSets>,
    /// Photos to train on.
    pub train: Vec<Sample>,
    /// Photos to validate on; none when that was asked for.
    pub val: Vec<Sample>,
    /// A number for each training photo: copies, photos that look alike and those of one group have the same. Empty
    /// where nobody asks.
    pub together: Vec<usize>,
    /// Files that look meant and cannot be used.
    pub skipped: Vec<Skipped>,
    /// Debris that was passed over, such as `.DS_Store`.
    pub n_ignored: usize,
    /// Validation photos that training sees too: the training photo, and its twin in validation.
    pub leaks: Vec<(PathBuf, PathBuf)>,
}

impl Data {
    /// Finds the photos that `options` name, and splits them when no validation folder is given.
    ///
    /// `memo` is a file that keeps what photos look like, see [`Together::memo`].
    ///
    /// # Errors
    /// [`TrainError::Options`] when no folder is named, [`TrainError::Data`] for photos that cannot be used.
    pub fn load(options: &TrainOptions, memo: Option<PathBuf>) -> Result<Self, TrainError> {
        let Some(root) = &options.data else {
            return Err(TrainError::Options { problems: vec!["no folder of photos was given".to_owned()] });
        };
        let List { folder, groups } = find(root, options)?;
        let Folder { classes, label_sets, train, val, skipped, n_ignored, .. } = folder;
        let together = Together {
            groups,
            near_duplicates: Some(options.near_duplicates).filter(|bits| *bits > 0),
            decode: options.decode(),
            memo,
            n_threads: options.threads,
        };
        let (Split { train, val, together }, leaks) = match val {
            Some(val) => {
                let all: Vec<_> = train.iter().chain(&val).cloned().collect();
                let mut numbers = kept_together(&all, &together);
                let leaks = leaks_among(&numbers, train.len()).into_iter();
                let leaks = leaks.map(|leak| (train[leak.train].path.clone(), val[leak.val].path.clone())).collect();
                numbers.truncate(train.len());
                (Split { train, val, together: numbers }, leaks)
            }
            None if options.val_fraction == 0.0 => {
                // Nobody else asks, and to look at photos takes its time.
                let is_fitted = options.head == HeadKind::Logistic;
                let together = if is_fitted { kept_together(&train, &together) } else { Vec::new() };
                (Split { train, val: Vec::new(), together }, Vec::new())
            }
            None => {
                let (val_fraction, seed) = (options.val_fraction, options.seed);
                let split = SplitOptions { val_fraction, seed, together, ..SplitOptions::default() };
                let split = match &label_sets {
                    Some(sets) => stratified_split_by_sets(train, sets, &split)?,
                    None => stratified_split(train, &classes, &split)?,
                };
                (split, Vec::new())
            }
        };
        Ok(Self { classes, label_sets, train, val, together, skipped, n_ignored, leaks })
    }

    /// Photos per class; one that has several counts for each of them.
    #[must_use]
    pub fn counts(&self, samples: &[Sample]) -> Vec<usize> {
        self.count(samples.iter().map(|sample| sample.label))
    }

    /// How often labels give each class.
    pub(crate) fn count(&self, labels: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for label in labels {
            self.classes_of(&label).iter().for_each(|&class| counts[class] += 1);
        }
        counts
    }

    /// How its labels become what a loss takes.
    pub(crate) fn answers(&self) -> Answers<'_> {
        Answers { sets: self.label_sets.as_ref(), n_classes: self.classes.len() }
    }

    /// The classes that a label stands for.
    pub(crate) fn classes_of<'a>(&'a self, label: &'a usize) -> &'a [usize] {
        match &self.label_sets {
            Some(sets) => sets.classes(*label),
            None => std::slice::from_ref(label),
        }
    }
}

/// The photos, and the groups that a list names, which must not be parted.
fn find(root: &Path, options: &TrainOptions) -> Result<List, TrainError> {
    let labels = if options.multi_label { Labels::Several } else { Labels::One };
    let scanning = ScanOptions { classes: options.classes.clone(), labels, ..ScanOptions::default() };
    Ok(match &options.val {
        Some(val) => List { folder: scan_with_val(root, val, &scanning)?, ..List::default() },
        None => read_data(root, options.label_pattern.as_deref(), &scanning)?,
    })
}
