//! Writing so that a reader sees the old file or the new one, never half of one.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file through a temporary sibling, and makes its folder.
///
/// # Errors
/// A folder that cannot be made or written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file needs a folder")?;
    fs_err::create_dir_all(folder)?;
    let mut sibling = tempfile::NamedTempFile::new_in(folder)?;
    sibling.write_all(bytes)?;
    make_readable(&sibling)?;
    sibling.persist(path).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(())
}

/// Moves a file or a folder to `to`; what was there before is gone afterwards.
///
/// # Errors
/// What cannot be removed or moved, as to another disk.
pub fn replace(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs_err::create_dir_all(folder)?;
    }
    if to.is_dir() {
        fs_err::remove_dir_all(to)?;
    }
    fs_err::rename(from, to)?;
    Ok(())
}

/// A temporary file is for its owner alone; what is fetched is for everybody on the machine.
#[cfg(unix)]
fn make_readable(file: &tempfile::NamedTempFile) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    Ok(())
}

#[cfg(not(unix))]
fn make_readable(_: &tempfile::NamedTempFile) -> Result<()> {
    Ok(())
}
