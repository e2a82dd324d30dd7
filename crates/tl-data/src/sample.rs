use std::path::PathBuf;

use crate::{classes::SEPARATOR, label_sets::LabelSets, skip::Skipped};

/// A photo and its class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sample {
    /// The file.
    pub path: PathBuf,
    /// Position of its class in the list of classes; where photos may have several, of their set in
    /// [`Folder::label_sets`].
    pub label: usize,
}

/// What was found in a folder (or a list) of photos.
///
/// Lists are sorted by class, then path, so that two scans of the same files are equal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folder {
    /// Class names; a label is a position here.
    pub classes: Vec<String>,
    /// The sets of classes that photos have, when they may have several: then a label is a position here.
    pub label_sets: Option<LabelSets>,
    /// Photos to train on: all photos when no other part is given.
    pub train: Vec<Sample>,
    /// Photos to validate on, when the folder has that part.
    pub val: Option<Vec<Sample>>,
    /// Photos to test on, when the folder has that part beside a validation part.
    pub test: Option<Vec<Sample>>,
    /// Debris that was passed over: `.DS_Store`, `Thumbs.db`, notes and lists beside the photos.
    pub n_ignored: usize,
    /// Files that look meant and cannot be used, sorted by path.
    pub skipped: Vec<Skipped>,
}

impl Folder {
    /// The class that a label stands for; where photos may have several, all of them with `;` between.
    #[must_use]
    pub fn name(&self, label: usize) -> String {
        let name = |class: &usize| self.classes.get(*class).cloned().unwrap_or_default();
        let Some(sets) = &self.label_sets else { return name(&label) };
        sets.classes(label).iter().map(name).collect::<Vec<_>>().join(&SEPARATOR.to_string())
    }

    /// Photos per class in `samples`, in the order of the classes.
    #[must_use]
    pub fn counts<'a>(&self, samples: impl IntoIterator<Item = &'a Sample>) -> Vec<usize> {
        if let Some(sets) = &self.label_sets {
            return sets.counts(samples, self.classes.len());
        }
        let mut counts = vec![0; self.classes.len()];
        for sample in samples {
            if let Some(count) = counts.get_mut(sample.label) {
                *count += 1;
            }
        }
        counts
    }
}
