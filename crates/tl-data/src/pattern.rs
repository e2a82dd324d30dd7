use std::path::Path;

use regex::Regex;

use crate::{
    classes::Classes,
    error::DataError,
    sample::{Folder, Sample},
    scan::ScanOptions,
    skip::{SkipReason, Skipped},
    walk::Walk,
};

/// Finds all photos under `root` and labels each by its path: the group `label` of the regular expression `pattern`.
///
/// The pattern is searched in the path below `root`, with `/` between folders:
/// `^(?P<label>[a-z]+)_` makes `cat_001.jpg` a `cat`.
/// Photos that it does not match are skipped with [`SkipReason::NoMatch`].
///
/// # Errors
/// [`DataError::Pattern`] when the pattern does not parse or has no group `label`; the errors of
/// [`scan`](crate::scan).
pub fn scan_by_pattern(root: &Path, pattern: &str, options: &ScanOptions) -> Result<Folder, DataError> {
    let wrong = |reason: String| DataError::Pattern { pattern: pattern.to_owned(), reason };
    let regex = Regex::new(pattern).map_err(|error| wrong(error.to_string()))?;
    if !regex.capture_names().flatten().any(|name| name == "label") {
        return Err(wrong("name the part that is the class, as in (?P<label>[a-z]+)".to_owned()));
    }
    crate::scan::check_folder(root)?;
    let walk = Walk::of(root);
    let labels: Vec<_> = walk.photos.iter().map(|path| label(&regex, root, path)).collect();
    let (n_photos, n_matched) = (labels.len(), labels.iter().flatten().count());
    let classes = Classes::choose(labels.iter().flatten().map(String::as_str), options.classes.as_deref(), root)?;

    let mut folder = Folder { skipped: walk.skipped, n_ignored: walk.n_ignored, ..Folder::default() };
    for (path, name) in walk.photos.into_iter().zip(labels) {
        match name {
            None => folder.skipped.push(Skipped { path, reason: SkipReason::NoMatch }),
            Some(name) => folder.train.extend(classes.label(&name).map(|label| Sample { path, label })),
        }
    }
    folder.train.sort_by(|a, b| a.label.cmp(&b.label).then_with(|| a.path.cmp(&b.path)));
    if let Some(Skipped { path, .. }) = folder.skipped.iter().find(|skipped| skipped.reason == SkipReason::NoMatch)
        && n_matched == 0
    {
        let (pattern, example) = (pattern.to_owned(), below(root, path));
        return Err(DataError::NothingMatches { pattern, n_photos, path: root.to_owned(), example });
    }
    if folder.train.is_empty() {
        return Err(DataError::NoPhotos { path: root.to_owned() });
    }
    folder.finish(classes, root, options)?;
    Ok(folder)
}

fn label(regex: &Regex, root: &Path, path: &Path) -> Option<String> {
    let name = below(root, path);
    let found = regex.captures(&name)?.name("label")?;
    Some(found.as_str().to_owned()).filter(|label| !label.is_empty())
}

/// The path below `root` as patterns see it.
fn below(root: &Path, path: &Path) -> String {
    let below = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = below.iter().map(|part| part.to_string_lossy()).collect();
    parts.join("/")
}
