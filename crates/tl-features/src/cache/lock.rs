//! One process at a time changes a folder of rows.

use std::{
    fs::TryLockError,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use fs_err::{File, OpenOptions};

use crate::cache::Cache;

/// A wait that is over sooner is not worth a word: writers hold the lock for milliseconds.
const SILENT: Duration = Duration::from_secs(1);
/// How often it is asked whether the lock is free: the system's own way to wait does not end when it ought to stop.
const POLL: Duration = Duration::from_millis(5);

/// Held while files are changed. The system lets go of it when its owner ends, however that ends.
#[derive(Debug)]
pub(crate) struct Lock(#[allow(dead_code, reason = "what is held is the lock on the open file")] File);

impl Lock {
    /// Waits until no other process changes or opens files of the cache, whose folder is made if it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] when `stop` is set meanwhile.
    pub(crate) fn exclusive(cache: &Cache, stop: &AtomicBool) -> io::Result<Self> {
        fs_err::create_dir_all(cache.folder())?;
        let path = path(cache.folder());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        wait(cache, stop, || file.file().try_lock())?;
        Ok(Self(file))
    }

    /// Waits until no other process changes files of the cache; several may hold this at once. A folder without a lock
    /// was never written to.
    ///
    /// # Errors
    /// As [`exclusive`](Self::exclusive).
    pub(crate) fn shared(cache: &Cache, stop: &AtomicBool) -> io::Result<Self> {
        let file = File::open(path(cache.folder()))?;
        wait(cache, stop, || file.file().try_lock_shared())?;
        Ok(Self(file))
    }
}

/// The file that is locked.
pub(crate) fn path(folder: &Path) -> PathBuf {
    folder.join("lock")
}

/// Tries again and again; whoever made the cache hears of it when that takes long.
fn wait(cache: &Cache, stop: &AtomicBool, try_lock: impl Fn() -> Result<(), TryLockError>) -> io::Result<()> {
    let started = Instant::now();
    loop {
        match try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) if stop.load(Ordering::Relaxed) => {
                return Err(io::Error::new(ErrorKind::Interrupted, "the wait for another tl that uses it was ended"));
            }
            Err(TryLockError::WouldBlock) if started.elapsed() >= SILENT => cache.tell_wait(),
            Err(TryLockError::WouldBlock) => {}
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    static IS_TOLD: AtomicBool = AtomicBool::new(false);

    /// Ends only because the wait was told.
    #[test]
    fn a_long_wait_is_told_and_ends_when_it_ought_to() {
        let dir = TempDir::new().unwrap();
        let cache = Cache::new(dir.path().to_owned()).on_wait(|_| IS_TOLD.store(true, Ordering::Relaxed));
        let held = Lock::exclusive(&cache, &IS_TOLD).unwrap();
        for lock in [Lock::exclusive, Lock::shared] {
            assert_eq!(lock(&cache, &IS_TOLD).unwrap_err().kind(), ErrorKind::Interrupted);
        }
        drop(held);
        Lock::shared(&cache, &IS_TOLD).unwrap();
    }
}
