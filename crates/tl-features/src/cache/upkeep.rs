//! Looking after a cache: listing, checking, making it smaller.

mod files;
mod removal;

use std::{
    io::{self, ErrorKind},
    path::Path,
    sync::atomic::AtomicBool,
};

use self::{
    files::{n_bytes, our_files, spaces, total_bytes},
    removal::{prune, verify},
};
use crate::{
    cache::{
        Cache,
        lock::{self, Lock},
        space::Space,
        store::Store,
    },
    error::FeatureError,
};

/// Rows of one network that were computed alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheSpace {
    /// Start of its file names.
    pub name: String,
    /// Network, arithmetic, geometry.
    pub description: String,
    /// Rows in it.
    pub n_rows: usize,
    /// Bytes of its files.
    pub n_bytes: u64,
    /// When its last row was written, in seconds since 1970; 0 for no rows.
    pub newest_seconds: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows that are as they were written.
    pub n_good: usize,
    /// Rows that were damaged, and were removed.
    pub n_damaged: usize,
    /// Files that could not be recognised, and were removed.
    pub n_unknown: usize,
}

/// What was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Rows, where they were counted.
    pub n_rows: usize,
    /// Bytes that the files have lost.
    pub n_bytes: u64,
    /// Bytes that are left.
    pub n_left_bytes: u64,
}

impl Cache {
    /// What is in the cache, sorted by name.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] for a folder that cannot be read.
    pub fn spaces(&self) -> Result<Vec<CacheSpace>, FeatureError> {
        self.with_lock(Lock::shared, |folder| spaces(folder)?.iter().map(|space| describe(folder, space)).collect())
    }

    /// Checks every row against its checksum, and removes what is damaged.
    ///
    /// # Errors
    /// [`FeatureError::Cache`] for a folder that cannot be read or changed.
    pub fn verify(&self) -> Result<Checked, FeatureError> {
        self.with_lock(Lock::exclusive, verify)
    }

    /// Removes the rows that were written first until the files have at most `max_bytes`.
    ///
    /// # Errors
    /// As [`Cache::verify`].
    pub fn prune(&self, max_bytes: u64) -> Result<Removed, FeatureError> {
        self.with_lock(Lock::exclusive, |folder| prune(folder, max_bytes))
    }

    /// Removes all rows.
    ///
    /// # Errors
    /// As [`Cache::verify`].
    pub fn clear(&self) -> Result<Removed, FeatureError> {
        self.with_lock(Lock::exclusive, |folder| {
            let n_rows =
                spaces(folder)?.iter().map(|space| Ok(describe(folder, space)?.n_rows)).sum::<io::Result<_>>()?;
            let n_bytes = total_bytes(folder)?;
            our_files(folder)?.iter().try_for_each(fs_err::remove_file)?;
            Ok(Removed { n_rows, n_bytes, n_left_bytes: 0 })
        })
    }

    /// A folder that is not there is an empty cache.
    fn with_lock<T: Default>(
        &self,
        lock: impl Fn(&Self, &AtomicBool) -> io::Result<Lock>,
        work: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, FeatureError> {
        // Nothing to be saved is lost when such a wait is ended with the process.
        let (folder, never) = (self.folder(), AtomicBool::new(false));
        let done = match (lock::path(folder).is_file(), folder.symlink_metadata()) {
            (true, _) => lock(self, &never).and_then(|_lock| work(folder)),
            (false, Err(error)) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
            // Rows may be there all the same; and a file in its place is told.
            (false, _) => Lock::exclusive(self, &never).and_then(|_lock| work(folder)),
        };
        done.map_err(|source| FeatureError::Cache { folder: folder.to_owned(), source })
    }
}

fn describe(folder: &Path, space: &Space) -> io::Result<CacheSpace> {
    let records = match Store::open_locked(folder, space)? {
        Some(store) => store.records()?,
        None => Vec::new(),
    };
    Ok(CacheSpace {
        name: space.name().to_owned(),
        description: space.header.description.clone(),
        n_rows: records.len(),
        n_bytes: n_bytes(&space.keys(folder))? + n_bytes(&space.rows(folder))?,
        newest_seconds: records.iter().map(|record| record.seconds).max().unwrap_or(0),
    })
}
