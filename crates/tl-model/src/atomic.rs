//! Files that are there whole or not at all.

use std::{
    io::{self, Write},
    path::Path,
};

use tempfile::NamedTempFile;

/// Writes a file through a temporary sibling and renames it into place.
///
/// A reader sees the old bytes or the new ones, never a part; a full disk or a killed process leaves the
/// old file. The bytes are on disk before the rename.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = NamedTempFile::with_prefix_in(".tl-", folder)?;
    let mut buffered = io::BufWriter::with_capacity(1 << 20, file.as_file_mut());
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    file.as_file().sync_data()?;
    share_with_others(file.as_file())?;
    file.persist(path)?;
    Ok(())
}

/// A temporary file is private to its owner; a result is meant to be handed on, as far as others may read it.
#[cfg(unix)]
fn share_with_others(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn share_with_others(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}
