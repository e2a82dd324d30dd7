use std::{collections::BTreeSet, path::Path};

use crate::error::DataError;

/// What stands between the classes of a photo that has several.
pub(crate) const SEPARATOR: char = ';';

/// The classes in use; a label is a position.
#[derive(Debug)]
pub(crate) struct Classes {
    names: Vec<String>,
}

impl Classes {
    /// All of `found` (sorted, once each), or those that were chosen, in their order.
    pub(crate) fn choose<'a>(
        found: impl Iterator<Item = &'a str>,
        chosen: Option<&[String]>,
        path: &Path,
    ) -> Result<Self, DataError> {
        let mut names: Vec<String> = found.map(str::to_owned).collect();
        names.sort();
        names.dedup();
        let Some(chosen) = chosen else {
            return Ok(Self { names });
        };
        for (i, class) in chosen.iter().enumerate() {
            if chosen[..i].contains(class) {
                return Err(DataError::RepeatedClass { class: class.clone() });
            }
            if names.binary_search(class).is_err() {
                return Err(DataError::UnknownClass { class: class.clone(), path: path.to_owned(), known: names });
            }
        }
        Ok(Self { names: chosen.to_vec() })
    }

    /// Position of a class; `None` when it was not chosen.
    pub(crate) fn label(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
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
