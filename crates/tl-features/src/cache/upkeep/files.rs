//! The files of a cache.

use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use fs_err::File;

use crate::cache::{space::Space, store::read_header};

/// The endings of our files. Nothing else in a folder is touched.
const ENDINGS: [&str; 3] = ["tlkeys", "tlrows", "tlnew"];

/// The spaces whose header can be read, sorted by name.
pub(super) fn spaces(folder: &Path) -> io::Result<Vec<Space>> {
    let mut found = Vec::new();
    for path in our_files(folder)? {
        let name = path.file_stem().and_then(|name| name.to_str());
        let (Some(name), true) = (name, path.extension().is_some_and(|e| e == "tlkeys")) else { continue };
        if let Some(header) = read_header(&mut File::open(&path)?)? {
            found.push(Space::found(name.to_owned(), header));
        }
    }
    Ok(found)
}

/// The files of the cache, sorted.
pub(super) fn our_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ENDINGS.iter().any(|ours| ending == *ours)) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Size of all of them.
pub(super) fn total_bytes(folder: &Path) -> io::Result<u64> {
    our_files(folder)?.iter().map(|path| n_bytes(path)).sum()
}

/// Size of a file; one that is gone has none.
pub(super) fn n_bytes(path: &Path) -> io::Result<u64> {
    match fs_err::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        metadata => Ok(metadata?.len()),
    }
}
