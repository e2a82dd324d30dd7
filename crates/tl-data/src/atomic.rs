//! Files that are there whole or not at all.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

/// A file that is written, and not yet in its place: dropped, it leaves what was there before.
#[derive(Debug)]
pub struct Draft {
    /// The file beside its place, and the place; `None` where the bytes went straight to a device or a pipe.
    written: Option<(NamedTempFile, PathBuf)>,
}

impl Draft {
    /// Writes a temporary sibling of `path`, to the disk. A link is followed; what is no regular file, as a pipe, is
    /// written to as it is.
    ///
    /// # Errors
    /// Those of writing; a folder that does not exist, and a folder in the place of the file, are named.
    pub fn write(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<Self> {
        let place = fs::canonicalize(path).or_else(|_| target(path)).unwrap_or_else(|_| path.to_owned());
        match fs::metadata(&place) {
            Ok(found) if found.is_dir() => {
                return Err(io::Error::new(ErrorKind::IsADirectory, format!("{} is a folder", path.display())));
            }
            Ok(found) if !found.is_file() => {
                buffered(&mut File::options().write(true).open(&place)?, write)?;
                return Ok(Self { written: None });
            }
            _ => {}
        }
        let folder = place.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if !folder.is_dir() {
            let problem = format!("there is no folder {}; make it first", folder.display());
            return Err(io::Error::new(ErrorKind::NotFound, problem));
        }
        let mut file = sibling(folder)?;
        buffered(file.as_file_mut(), write)?;
        file.as_file().sync_data()?;
        Ok(Self { written: Some((file, place)) })
    }

    /// Renames the file into its place.
    ///
    /// # Errors
    /// Those of renaming.
    pub fn put(self) -> io::Result<()> {
        self.written.map_or(Ok(()), |(file, place)| Ok(file.persist(place).map(drop)?))
    }
}

/// Writes a file through a temporary sibling and renames it into place.
///
/// A reader sees the old bytes or the new ones, never a part; a full disk or a killed process leaves the
/// old file. The bytes are on disk before the rename.
///
/// # Errors
/// As [`Draft::write`].
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    Draft::write(path, write)?.put()
}

/// Where a link leads to whose file is still to be made.
fn target(link: &Path) -> io::Result<PathBuf> {
    let folder = link.parent().unwrap_or(Path::new(""));
    fs::read_link(link).map(|target| folder.join(target))
}

fn buffered(file: &mut File, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffered = io::BufWriter::with_capacity(1 << 20, file);
    write(&mut buffered)?;
    buffered.flush()
}

/// A temporary file is private to its owner; a result is meant to be handed on, as far as the user's mask allows.
#[cfg(unix)]
pub(crate) fn sibling(folder: &Path) -> io::Result<NamedTempFile> {
    use std::os::unix::fs::PermissionsExt;
    tempfile::Builder::new().prefix(".tl-").permissions(fs::Permissions::from_mode(0o666)).tempfile_in(folder)
}

#[cfg(not(unix))]
pub(crate) fn sibling(folder: &Path) -> io::Result<NamedTempFile> {
    NamedTempFile::with_prefix_in(".tl-", folder)
}
