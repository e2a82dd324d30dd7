//! One process at a time changes a folder of rows.

use std::{io, path::Path};

use fs_err::{File, OpenOptions};

/// Held while files are changed. The system lets go of it when its owner ends, however that ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "what is held is the lock on the open file")] File);

impl Lock {
    /// Waits until no other process changes or opens files in `folder`, which is made if it is missing.
    pub(crate) fn exclusive(folder: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(folder)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join("lock"))?;
        file.file().lock()?;
        Ok(Self(file))
    }

    /// Waits until no other process changes files in `folder`; several may hold this at once. A folder without a
    /// lock was never written to.
    pub(crate) fn shared(folder: &Path) -> io::Result<Self> {
        let file = File::open(folder.join("lock"))?;
        file.file().lock_shared()?;
        Ok(Self(file))
    }
}
