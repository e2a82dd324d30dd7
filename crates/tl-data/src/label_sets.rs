use crate::sample::Sample;

/// How the labels of a list are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Labels {
    /// A label is the name of a class as it stands.
    #[default]
    AsWritten,
    /// The same, and no photo has two.
    OnePerPhoto,
    /// As it stands, too; but an empty one is an error, and so is a `;` in it, which says that several classes are
    /// meant, unless the class was chosen by that name.
    One,
    /// A label is names of classes with `;` between, and an empty one is none of them.
    Several,
}

/// Sets of classes, sorted and each once: where a photo may have several classes or none, its label is a position here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelSets {
    sets: Vec<Vec<usize>>,
}

impl LabelSets {
    /// The different ones of `sets`, each a list of positions in the classes, in any order.
    #[must_use]
    pub fn new(sets: impl IntoIterator<Item = Vec<usize>>) -> Self {
        let mut sets: Vec<_> = sets.into_iter().collect();
        for set in &mut sets {
            set.sort_unstable();
            set.dedup();
        }
        sets.sort();
        sets.dedup();
        Self { sets }
    }

    /// Number of different sets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there is no set at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// The classes that a label stands for; none for a label that is not known.
    #[must_use]
    pub fn classes(&self, label: usize) -> &[usize] {
        self.sets.get(label).map_or(&[], Vec::as_slice)
    }

    /// The label of a sorted set of classes.
    #[must_use]
    pub fn label(&self, classes: &[usize]) -> Option<usize> {
        self.sets.binary_search_by(|set| set.as_slice().cmp(classes)).ok()
    }

    /// Photos that have each of `n_classes` classes; one that has several counts for each of them.
    #[must_use]
    pub fn counts<'a>(&self, samples: impl IntoIterator<Item = &'a Sample>, n_classes: usize) -> Vec<usize> {
        let mut counts = vec![0; n_classes];
        for class in samples.into_iter().flat_map(|sample| self.classes(sample.label)) {
            if let Some(count) = counts.get_mut(*class) {
                *count += 1;
            }
        }
        counts
    }
}
