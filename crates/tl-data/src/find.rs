use std::{io::ErrorKind, path::PathBuf};

use crate::{
    SkipReason,
    error::DataError,
    skip::Skipped,
    walk::{Walk, metadata, not_a_file},
};

/// Finds the photos that `paths` name: files as they are, folders with everything under them.
///
/// Paths keep their order; what a folder holds is sorted.
/// A file that is named is taken at its word and judged when it is read.
///
/// # Errors
/// [`DataError::Missing`] when a path leads nowhere. A folder without photos is no error.
pub fn find_photos(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, Vec<Skipped>), DataError> {
    let (mut photos, mut skipped) = (Vec::new(), Vec::new());
    for path in paths {
        match metadata(path) {
            Ok(found) if found.is_dir() => {
                let walk = Walk::of(path);
                photos.extend(walk.photos);
                skipped.extend(walk.skipped);
            }
            Ok(found) => match not_a_file(found.file_type()) {
                None => photos.push(path.clone()),
                Some(what) => skipped.push(Skipped { path: path.clone(), reason: SkipReason::NotAFile { what } }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(DataError::Missing { path: path.clone() });
            }
            Err(error) => skipped.push(Skipped { path: path.clone(), reason: SkipReason::unreadable(&error) }),
        }
    }
    Ok((photos, skipped))
}
