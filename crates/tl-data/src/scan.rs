use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use crate::{
    classes::Classes,
    error::DataError,
    label_sets::Labels,
    parts::Parts,
    sample::{Folder, Sample},
    skip::{SkipReason, Skipped},
    walk::{Walk, is_debris_folder, leads_above, metadata},
};

/// How a folder is read.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// The classes to use, in this order; the others are left out. `None` takes all, sorted.
    pub classes: Option<Vec<String>>,
    /// Fewest classes that are no error: 2 for training, 1 for looking at a folder, 0 for a list of photos that may have
    /// none of several.
    pub min_classes: usize,
    /// How the labels of a list are read; folders have one class per photo.
    pub labels: Labels,
    /// Whether validation and test photos may have classes that the training photos have not: where nothing is learned,
    /// a label is a name.
    pub classes_of_all_parts: bool,
}

impl Default for ScanOptions {
    fn default() -> Self {
        Self { classes: None, min_classes: 2, labels: Labels::AsWritten, classes_of_all_parts: false }
    }
}

/// Finds the photos of a folder per class, or of the parts of a data set: `train/` with `val/` or `test/` beside it.
///
/// Folders may be nested under a class. A part may have any of its usual names (`Training_Set`, `valid`, `testing`), and
/// lie in a folder of its own name. A lone `test/` beside `train/` becomes the validation part, as there is nothing else
/// to validate on. A class may well be called `train`: the parts are recognised by the folders inside.
///
/// # Errors
/// A folder that is missing, a file, cannot be read or holds no classes or photos; a single class, an empty class, a
/// chosen class that is not there or is chosen twice; parts of which one is there twice, and folders that are all named
/// like parts and yet are none; a class whose name begins or ends with white space.
pub fn scan(root: &Path, options: &ScanOptions) -> Result<Folder, DataError> {
    read(&Parts::of(root, options.classes.is_none())?, root, options)
}

/// Finds training and validation photos in two folders, each with a folder per class.
///
/// The classes are those of `train`; `val` may lack some of them, and must not have others.
/// When `train` itself has the parts that [`scan`] knows, its training part is used.
///
/// # Errors
/// As for [`scan`], and [`DataError::UnknownClass`] for a class of `val` alone.
pub fn scan_with_val(train: &Path, val: &Path, options: &ScanOptions) -> Result<Folder, DataError> {
    let parts = Parts { val: Some(val.to_owned()), test: None, ..Parts::of(train, options.classes.is_none())? };
    read(&parts, train, options)
}

impl Folder {
    /// Checks the number of classes and puts what was skipped in order.
    pub(crate) fn finish(&mut self, classes: Classes, root: &Path, options: &ScanOptions) -> Result<(), DataError> {
        // Whether a photo has a class at all is a question, too.
        let min_classes = if self.label_sets.is_some() { 1 } else { options.min_classes };
        self.classes = classes.into_names(root, min_classes)?;
        self.skipped.sort_by(|a, b| a.path.cmp(&b.path));
        match self.counts(&self.train).iter().position(|&n| n == 0) {
            // Where nothing is to be learned, a list may well have photos to validate on alone.
            Some(i) if options.min_classes > 1 => {
                Err(DataError::EmptyClass { class: self.classes[i].clone(), path: root.to_owned() })
            }
            _ => Ok(()),
        }
    }
}

/// The photos of all parts.
fn read(parts: &Parts, root: &Path, options: &ScanOptions) -> Result<Folder, DataError> {
    let train = ClassFolders::of(&parts.train)?;
    let part = |path: &Option<PathBuf>| path.as_deref().map(ClassFolders::of).transpose();
    let (val, test) = (part(&parts.val)?, part(&parts.test)?);
    let others = [&val, &test].into_iter().flatten().filter(|_| options.classes_of_all_parts);
    let names = train.names().chain(others.flat_map(ClassFolders::names));
    let classes = Classes::choose(names, options.classes.as_deref(), &parts.train)?;
    let mut folder = Folder { skipped: parts.beside.clone(), ..Folder::default() };
    folder.train = train.samples(&classes, options.min_classes > 1, &mut folder)?;
    folder.val = val.map(|val| val.known_samples(&classes, options, &mut folder)).transpose()?;
    folder.test = test.map(|test| test.known_samples(&classes, options, &mut folder)).transpose()?;
    folder.finish(classes, root, options)?;
    Ok(folder)
}

/// The class folders of one part, sorted by name, and what lies beside them.
struct ClassFolders {
    root: PathBuf,
    folders: Vec<(String, PathBuf)>,
    beside: Walk,
}

impl ClassFolders {
    fn of(root: &Path) -> Result<Self, DataError> {
        let mut beside = Walk::default();
        let mut folders = Vec::new();
        for path in entries(root)? {
            match metadata(&path) {
                Ok(found) if found.is_dir() && is_debris_folder(&path) => beside.n_ignored += 1,
                Ok(found) if found.is_dir() && path.is_symlink() && leads_above(&path, root) => {
                    beside.skip(&path, SkipReason::LinkLoop);
                }
                Ok(found) if found.is_dir() => match path.file_name().and_then(OsStr::to_str) {
                    Some(name) if name != name.trim() => return Err(DataError::FolderName { path }),
                    Some(name) => folders.push((name.to_owned(), path)),
                    None => beside.skip(&path, SkipReason::FolderName),
                },
                Ok(found) => beside.file(&path, found.file_type()),
                Err(error) => beside.skip(&path, SkipReason::unreadable(&error)),
            }
        }
        if folders.is_empty() {
            let path = root.to_owned();
            return Err(if beside.photos.is_empty() && beside.skipped.is_empty() {
                DataError::NoPhotos { path }
            } else {
                DataError::NoClasses { path }
            });
        }
        folders.sort();
        Ok(Self { root: root.to_owned(), folders, beside })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.folders.iter().map(|(name, _)| name.as_str())
    }

    /// The photos of a validation or test part, whose classes must be known.
    fn known_samples(
        &self,
        classes: &Classes,
        options: &ScanOptions,
        folder: &mut Folder,
    ) -> Result<Vec<Sample>, DataError> {
        // With a choice of classes, what was not chosen is left out here as it is in the training part.
        if options.classes.is_none() {
            classes.check(self.names(), &self.root)?;
        }
        let samples = self.samples(classes, false, folder)?;
        // Where nothing is learned a part need not have one of those that were chosen.
        let may_be_empty = options.classes_of_all_parts && options.classes.is_some();
        match samples.is_empty() && !may_be_empty {
            true => Err(DataError::NoPhotos { path: self.root.clone() }),
            false => Ok(samples),
        }
    }

    /// The photos of the chosen classes; what cannot be used goes into `folder`.
    fn samples(&self, classes: &Classes, all_needed: bool, folder: &mut Folder) -> Result<Vec<Sample>, DataError> {
        let stray = self.beside.photos.iter().map(|path| Skipped { path: path.clone(), reason: SkipReason::NoClass });
        folder.skipped.extend(stray.chain(self.beside.skipped.iter().cloned()));
        folder.n_ignored += self.beside.n_ignored;

        let mut samples = Vec::new();
        let mut empty = Vec::new();
        for (name, path) in &self.folders {
            let Some(label) = classes.label(name) else {
                continue;
            };
            let walk = Walk::of(path);
            if walk.photos.is_empty() {
                walk.check_read()?;
                empty.push((name, path));
            }
            samples.extend(walk.photos.into_iter().map(|path| Sample { path, label }));
            folder.skipped.extend(walk.skipped);
            folder.n_ignored += walk.n_ignored;
        }
        samples.sort_by(|a, b| a.label.cmp(&b.label).then_with(|| a.path.cmp(&b.path)));
        match empty.first() {
            Some(_) if samples.is_empty() => Err(DataError::NoPhotos { path: self.root.clone() }),
            Some((class, path)) if all_needed => {
                Err(DataError::EmptyClass { class: (*class).clone(), path: (*path).clone() })
            }
            _ => Ok(samples),
        }
    }
}

/// Fails unless `root` is a folder that can be read.
pub(crate) fn check_folder(root: &Path) -> Result<(), DataError> {
    entries(root).map(drop)
}

pub(crate) fn subfolders(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = entries(root)?;
    paths.retain(|path| !is_debris_folder(path) && metadata(path).is_ok_and(|found| found.is_dir()));
    Ok(paths)
}

/// What lies directly in a folder, sorted.
fn entries(root: &Path) -> Result<Vec<PathBuf>, DataError> {
    let refused = |error: std::io::Error| DataError::refused(root, &error);
    let mut paths = Vec::new();
    for entry in fs_err::read_dir(root).map_err(refused)? {
        paths.push(entry.map_err(refused)?.path());
    }
    paths.sort();
    Ok(paths)
}
