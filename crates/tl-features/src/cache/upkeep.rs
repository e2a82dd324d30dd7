//! Looking after a cache: listing, checking, making it smaller.

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use fs_err::File;

use crate::{
    cache::{
        Cache,
        layout::{HEADER_BYTES, RECORD_BYTES},
        lock::{self, Lock},
        space::Space,
        store::{Store, read_header},
    },
    error::FeatureError,
};

/// The endings of our files. Nothing else in a folder is touched.
const ENDINGS: [&str; 3] = ["tlkeys", "tlrows", "tlnew"];

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
    pub fn spaces(&self) -> Result<Vec<CacheSpace>, FeatureError> {
        self.with_lock(Lock::shared, |folder| spaces(folder)?.iter().map(|space| describe(folder, space)).collect())
    }

    /// Checks every row against its checksum, and removes what is damaged.
    pub fn verify(&self) -> Result<Checked, FeatureError> {
        self.with_lock(Lock::exclusive, verify)
    }

    /// Removes the rows that were written first until the files have at most `max_bytes`.
    pub fn prune(&self, max_bytes: u64) -> Result<Removed, FeatureError> {
        self.with_lock(Lock::exclusive, |folder| prune(folder, max_bytes))
    }

    /// Removes all rows.
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

fn verify(folder: &Path) -> io::Result<Checked> {
    let mut checked = Checked::default();
    let spaces = spaces(folder)?;
    for space in &spaces {
        let Some(store) = Store::open_locked(folder, space)? else { continue };
        let (mut good, mut row) = (Vec::new(), Vec::new());
        for position in 0..store.len {
            if store.get(position, &mut row)?.is_some() {
                good.push(position);
            }
        }
        checked.n_good += good.len();
        checked.n_damaged += store.len - good.len();
        if good.len() < store.len {
            rewrite(folder, space, &store, &good)?;
        }
    }
    checked.n_unknown = remove_unknown(folder)?;
    Ok(checked)
}

/// Removes our files that belong to no space: of another version, with a damaged header, or left by a killed process.
fn remove_unknown(folder: &Path) -> io::Result<usize> {
    let known: Vec<PathBuf> =
        spaces(folder)?.iter().flat_map(|space| [space.keys(folder), space.rows(folder)]).collect();
    let unknown: Vec<PathBuf> = our_files(folder)?.into_iter().filter(|path| !known.contains(path)).collect();
    unknown.iter().try_for_each(fs_err::remove_file)?;
    Ok(unknown.len())
}

fn prune(folder: &Path, max_bytes: u64) -> io::Result<Removed> {
    let before = total_bytes(folder)?;
    let mut removed = Removed { n_left_bytes: before, ..Removed::default() };
    if before <= max_bytes {
        return Ok(removed);
    }
    remove_unknown(folder)?;
    let spaces = spaces(folder)?;
    let stores = spaces.iter().map(|space| Store::open_locked(folder, space)).collect::<io::Result<Vec<_>>>()?;
    // All rows, the newest first; of one second, those that were written last.
    let mut rows = Vec::new();
    for (at, store) in stores.iter().enumerate() {
        let records = store.as_ref().map(Store::records).transpose()?.unwrap_or_default();
        rows.extend(records.iter().enumerate().map(|(position, record)| (record.seconds, position, at)));
    }
    rows.sort_unstable_by(|a, b| b.cmp(a));
    let mut kept = vec![Vec::new(); spaces.len()];
    let mut total = 0;
    for &(_, position, at) in &rows {
        let header = if kept[at].is_empty() { HEADER_BYTES } else { 0 };
        total += (header + RECORD_BYTES + spaces[at].header.row_bytes()) as u64;
        if total > max_bytes {
            break;
        }
        kept[at].push(position);
    }
    for ((space, store), mut kept) in spaces.iter().zip(&stores).zip(kept) {
        let Some(store) = store else { continue };
        removed.n_rows += store.len - kept.len();
        kept.sort_unstable();
        if kept.len() < store.len {
            rewrite(folder, space, store, &kept)?;
        }
    }
    removed.n_left_bytes = total_bytes(folder)?;
    removed.n_bytes = before.saturating_sub(removed.n_left_bytes);
    Ok(removed)
}

/// Puts files with only the rows at these positions in the place of the old ones.
///
/// Killed between the two renames it leaves rows that do not fit their records, which checksums find.
fn rewrite(folder: &Path, space: &Space, store: &Store, positions: &[usize]) -> io::Result<()> {
    let (keys_path, rows_path) = (space.keys(folder), space.rows(folder));
    if positions.is_empty() {
        fs_err::remove_file(keys_path)?;
        return fs_err::remove_file(rows_path);
    }
    let (new_keys, new_rows) = (keys_path.with_extension("1.tlnew"), rows_path.with_extension("2.tlnew"));
    let mut keys = BufWriter::with_capacity(1 << 20, File::create(&new_keys)?);
    let mut rows = BufWriter::with_capacity(1 << 20, File::create(&new_rows)?);
    keys.write_all(&space.header.to_bytes())?;
    let mut row = Vec::new();
    for &position in positions {
        if let Some(record) = store.get(position, &mut row)? {
            keys.write_all(&record.to_bytes())?;
            rows.write_all(&row)?;
        }
    }
    for file in [keys, rows] {
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_data()?;
    }
    fs_err::rename(new_rows, rows_path)?;
    fs_err::rename(new_keys, keys_path)
}

/// The spaces whose header can be read, sorted by name.
fn spaces(folder: &Path) -> io::Result<Vec<Space>> {
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
fn our_files(folder: &Path) -> io::Result<Vec<PathBuf>> {
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

fn total_bytes(folder: &Path) -> io::Result<u64> {
    our_files(folder)?.iter().map(|path| n_bytes(path)).sum()
}

/// Size of a file; one that is gone has none.
fn n_bytes(path: &Path) -> io::Result<u64> {
    match fs_err::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        metadata => Ok(metadata?.len()),
    }
}
