use std::path::{Path, PathBuf};

use regex::Regex;

use crate::{
    classes::Classes,
    error::DataError,
    parts::Parts,
    sample::{Folder, Sample},
    scan::{ScanOptions, check_folder},
    skip::{SkipReason, Skipped},
    walk::Walk,
};

/// Finds all photos under `root` and labels each by its path: the group `label` of the regular expression `pattern`.
///
/// The pattern is searched in the path below `root`, with `/` between folders:
/// `^(?P<label>[a-z]+)_` makes `cat_001.jpg` a `cat`.
/// Photos that it does not match are skipped with [`SkipReason::NoMatch`].
/// The parts of a data set are told as [`scan`](crate::scan) tells them, but for two things: a part may hold its photos
/// directly, and a folder whose name is the label of its photos is none.
///
/// # Errors
/// [`DataError::Pattern`] when the pattern does not parse or has no group `label`; the errors of
/// [`scan`](crate::scan).
pub fn scan_by_pattern(root: &Path, pattern: &str, options: &ScanOptions) -> Result<Folder, DataError> {
    let regex = compile(pattern)?;
    check_folder(root)?;
    let label = |path: &Path| label(&regex, root, path);
    let is_class = |folder: &Path| {
        Walk::of(folder).photos.iter().any(|path| label(path).is_some_and(|name| folder.ends_with(name)))
    };
    let parts = Parts::of_labelled(root, is_class)?;
    let part = |path: &Path| Labelled::of(path, label);
    let train = part(&parts.train);
    let others = [&parts.val, &parts.test].map(|path| path.as_deref().map(part));
    check_matches(root, pattern, [Some(&train)].into_iter().chain(others.each_ref().map(Option::as_ref)).flatten())?;

    let other_names = || others.iter().flatten().flat_map(Labelled::names);
    let names = train.names().chain(other_names().filter(|_| options.classes_of_all_parts));
    let classes = Classes::choose(names, options.classes.as_deref(), &parts.train)?;
    if options.classes.is_none() {
        classes.check(other_names(), root)?;
    }
    let mut folder = Folder { skipped: parts.beside, ..Folder::default() };
    folder.train = train.samples(&classes, &mut folder);
    if folder.train.is_empty() {
        return Err(DataError::NoPhotos { path: parts.train });
    }
    let given = |part: Option<Labelled>| Some(part?.samples(&classes, &mut folder)).filter(|part| !part.is_empty());
    [folder.val, folder.test] = others.map(given);
    folder.finish(classes, root, options)?;
    Ok(folder)
}

fn compile(pattern: &str) -> Result<Regex, DataError> {
    let wrong = |reason: String| DataError::Pattern { pattern: pattern.to_owned(), reason };
    let regex = Regex::new(pattern).map_err(|error| wrong(error.to_string()))?;
    match regex.capture_names().flatten().any(|name| name == "label") {
        true => Ok(regex),
        false => Err(wrong("name the part that is the class, as in (?P<label>[a-z]+)".to_owned())),
    }
}

/// Fails where there are photos and the pattern matches none of them.
fn check_matches<'a>(root: &Path, pattern: &str, parts: impl Iterator<Item = &'a Labelled>) -> Result<(), DataError> {
    let parts: Vec<_> = parts.collect();
    let unmatched = || parts.iter().flat_map(|part| &part.unmatched);
    match unmatched().next() {
        Some(path) if parts.iter().all(|part| part.photos.is_empty()) => {
            let (pattern, n_photos, example) = (pattern.to_owned(), unmatched().count(), below(root, path));
            Err(DataError::NothingMatches { pattern, n_photos, path: root.to_owned(), example })
        }
        _ => Ok(()),
    }
}

/// The photos of one part with their labels, and what lies beside them.
struct Labelled {
    photos: Vec<(String, PathBuf)>,
    unmatched: Vec<PathBuf>,
    beside: Walk,
}

impl Labelled {
    fn of(part: &Path, label: impl Fn(&Path) -> Option<String>) -> Self {
        let mut beside = Walk::of(part);
        let (mut photos, mut unmatched) = (Vec::new(), Vec::new());
        for path in std::mem::take(&mut beside.photos) {
            match label(&path) {
                Some(name) => photos.push((name, path)),
                None => unmatched.push(path),
            }
        }
        Self { photos, unmatched, beside }
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.photos.iter().map(|(name, _)| name.as_str())
    }

    /// The photos of the chosen classes; what cannot be used goes into `folder`.
    fn samples(self, classes: &Classes, folder: &mut Folder) -> Vec<Sample> {
        folder.n_ignored += self.beside.n_ignored;
        let unmatched = self.unmatched.into_iter().map(|path| Skipped { path, reason: SkipReason::NoMatch });
        folder.skipped.extend(self.beside.skipped.into_iter().chain(unmatched));
        let sample = |(name, path): (String, PathBuf)| classes.label(&name).map(|label| Sample { path, label });
        let mut samples: Vec<_> = self.photos.into_iter().filter_map(sample).collect();
        samples.sort_by(|a, b| a.label.cmp(&b.label).then_with(|| a.path.cmp(&b.path)));
        samples
    }
}

fn label(regex: &Regex, root: &Path, path: &Path) -> Option<String> {
    let name = below(root, path);
    let found = regex.captures(&name)?.name("label")?;
    Some(found.as_str().trim().to_owned()).filter(|label| !label.is_empty())
}

/// The path below `root` as patterns see it.
fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
