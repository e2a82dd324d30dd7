use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::error::DataError;

/// What stands between the classes of a photo that has several.
pub(crate) const SEPARATOR: char = ';';

/// The classes in use; a label is a position.
#[derive(Debug)]
pub(crate) struct Classes {
    names: Vec<String>,
    /// The position of each name.
    labels: BTreeMap<String, usize>,
}

impl Classes {
    /// All of `found` (sorted, once each), or those that were chosen, in their order; spaces around a name mean nothing.
    pub(crate) fn choose<'a>(
        found: impl Iterator<Item = &'a str>,
        chosen: Option<&[String]>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let found: BTreeSet<&str> = found.collect();
        let all = || found.iter().map(|&name| name.to_owned()).collect();
        let Some(chosen) = chosen else { return Ok(Self::new(all())) };
        let chosen: Vec<String> = chosen.iter().map(|class| class.trim().to_owned()).collect();
        for (i, class) in chosen.iter().enumerate() {
            let class = class.clone();
            if chosen[..i].contains(&class) {
                return Err(DataError::RepeatedClass { class });
            }
            if !found.contains(class.as_str()) {
                return Err(DataError::UnknownClass { class, path: path.to_owned(), known: all() });
            }
        }
        Ok(Self::new(chosen))
    }

    fn new(names: Vec<String>) -> Self {
        let labels = names.iter().cloned().zip(0..).collect();
        Self { names, labels }
    }

    /// Position of a class; `None` when it was not chosen.
    pub(crate) fn label(&self, name: &str) -> Option<usize> {
        self.labels.get(name).copied()
    }

    /// Positions of the classes that are named with `;` between, sorted; those that were not chosen are left out.
    pub(crate) fn set(&self, names: &str) -> Vec<usize> {
        let mut set: Vec<usize> = split(names).filter_map(|name| self.label(name)).collect();
        set.sort_unstable();
        set.dedup();
        set
    }

    /// Fails on the first of `found` that is not known.
    pub(crate) fn check<'a>(&self, mut found: impl Iterator<Item = &'a str>, path: &Path) -> Result<(), DataError> {
        match found.find(|name| self.label(name).is_none()) {
            None => Ok(()),
            Some(class) => Err(DataError::UnknownClass {
                class: class.to_owned(),
                path: path.to_owned(),
                known: self.names.clone(),
            }),
        }
    }

    /// The names, when there are at least `min_classes`.
    pub(crate) fn into_names(self, path: &Path, min_classes: usize) -> Result<Vec<String>, DataError> {
        match self.names.as_slice() {
            [class] if min_classes > 1 => Err(DataError::OneClass { path: path.to_owned(), class: class.clone() }),
            [] if min_classes > 0 => Err(DataError::NoClasses { path: path.to_owned() }),
            _ => Ok(self.names),
        }
    }
}

/// The names in a label that holds several, or none.
pub(crate) fn split(label: &str) -> impl Iterator<Item = &str> {
    label.split(SEPARATOR).map(str::trim).filter(|name| !name.is_empty())
}

/// Those names, whatever their order.
pub(crate) fn set_of(label: &str) -> BTreeSet<&str> {
    split(label).collect()
}
