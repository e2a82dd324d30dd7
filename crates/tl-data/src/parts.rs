//! The parts of a data set, by the names that people give them.

use std::path::{Path, PathBuf};

use crate::{
    error::DataError,
    scan::subfolders,
    skip::{SkipReason, Skipped},
    walk::Walk,
};

/// Where the training, validation and test photos lie.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) train: PathBuf,
    pub(crate) val: Option<PathBuf>,
    pub(crate) test: Option<PathBuf>,
    /// Folders with photos that belong to no part.
    pub(crate) beside: Vec<Skipped>,
}

/// What a part is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Train,
    Val,
    Test,
}

impl Part {
    /// By the name of a folder: `Training_Set`, `train-data` and `train` are the same.
    fn named(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        let letters: String = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.')).collect();
        let stem = letters.strip_suffix("set").or_else(|| letters.strip_suffix("data")).unwrap_or(&letters);
        match stem {
            "train" | "training" => Some(Self::Train),
            "val" | "valid" | "validate" | "validation" | "dev" => Some(Self::Val),
            "test" | "testing" | "eval" | "evaluation" => Some(Self::Test),
            _ => None,
        }
    }
}

impl Parts {
    /// The parts of `root`, or all of it as the one to train on. Unless the classes were named, folders that are named
    /// like parts and are none must not be taken for classes.
    pub(crate) fn of(root: &Path, are_classes_found: bool) -> Result<Self, DataError> {
        let folders = subfolders(root)?;
        let found = find(&folders, with_classes)?;
        let [Some(_), ..] = found else {
            let [_, val, test] = found;
            let are_parts = folders.iter().all(|folder| Part::named(folder).is_some());
            let is_mistaken = folders.len() > 1 || val.is_some() || test.is_some();
            return match are_parts && is_mistaken && are_classes_found {
                true => Err(DataError::NoTrainingPart { path: root.to_owned(), names: names(&folders) }),
                false => Ok(Self::whole(root)),
            };
        };
        Ok(Self::new(root, &folders, found))
    }

    /// The same where paths give the labels, so that a part may hold its photos directly. A folder is one of parts when
    /// there is one to train on and another, and when `is_class` does not say that its name is a label.
    pub(crate) fn of_labelled(root: &Path, is_class: impl Fn(&Path) -> bool) -> Result<Self, DataError> {
        let folders = subfolders(root)?;
        let found = find(&folders, |folder, _| {
            Ok(Some(folder.to_owned()).filter(|folder| !is_class(folder) && !Walk::of(folder).photos.is_empty()))
        })?;
        Ok(match &found {
            [Some(_), None, None] | [None, ..] => Self::whole(root),
            _ => Self::new(root, &folders, found),
        })
    }

    /// All of `root` to train on.
    fn whole(root: &Path) -> Self {
        Self { train: root.to_owned(), ..Self::default() }
    }

    /// The parts that were found among `folders`, or the whole where none is to train on.
    fn new(root: &Path, folders: &[PathBuf], [train, val, test]: [Option<PathBuf>; 3]) -> Self {
        let Some(train) = train else { return Self::whole(root) };
        let is_used = |folder: &&PathBuf| {
            [Some(&train), val.as_ref(), test.as_ref()].into_iter().flatten().any(|part| part.starts_with(folder))
        };
        let unused = folders.iter().filter(|folder| !is_used(folder) && !Walk::of(folder).photos.is_empty());
        let beside = unused.map(|path| Skipped { path: path.clone(), reason: SkipReason::NoPart }).collect();
        let (val, test) = if val.is_some() { (val, test) } else { (test, None) };
        Self { train, val, test, beside }
    }
}

/// The folders that are named like parts and that `inside` finds to be some: those to train, validate and test on.
fn find(
    folders: &[PathBuf],
    inside: impl Fn(&Path, Part) -> Result<Option<PathBuf>, DataError>,
) -> Result<[Option<PathBuf>; 3], DataError> {
    let mut found = [const { None }; 3];
    for folder in folders {
        if let Some(part) = Part::named(folder)
            && let Some(inside) = inside(folder, part)?
        {
            let place = &mut found[part as usize];
            if let Some(first) = place.take() {
                return Err(DataError::TwoParts { first, second: inside });
            }
            *place = Some(inside);
        }
    }
    Ok(found)
}

/// The folder that holds a part's class folders: itself, or the one of the same name in it that archives are packed with.
fn with_classes(folder: &Path, part: Part) -> Result<Option<PathBuf>, DataError> {
    let inside = subfolders(folder)?;
    match inside.as_slice() {
        [] => Ok(None),
        [same] if Part::named(same) == Some(part) => with_classes(same, part),
        _ => Ok(Some(folder.to_owned())),
    }
}

fn names(folders: &[PathBuf]) -> String {
    let names = folders.iter().filter_map(|folder| folder.file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>().join(", ")
}
