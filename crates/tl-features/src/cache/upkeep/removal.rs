//! Removing rows that are damaged, or old.

use std::{
    io::{self, BufWriter, ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use fs_err::{File, OpenOptions};

use super::{
    Checked, Removed,
    files::{our_files, spaces, total_bytes},
};
use crate::cache::{
    layout::{HEADER_BYTES, RECORD_BYTES},
    space::Space,
    store::Store,
};

/// Checks every row, and removes what is damaged.
pub(super) fn verify(folder: &Path) -> io::Result<Checked> {
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

/// Removes the rows that were written first until the files have at most `max_bytes`.
pub(super) fn prune(folder: &Path, max_bytes: u64) -> io::Result<Removed> {
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
    let mut all: Vec<_> = spaces.iter().zip(&stores).zip(kept).collect();
    // Files that go as a whole first: they make room for what is written anew.
    all.sort_by_key(|(_, kept)| !kept.is_empty());
    for ((space, store), mut kept) in all {
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
    let written = write_rows(space, store, positions, (&new_keys, &new_rows));
    if let Err(error) = written {
        for draft in [new_keys, new_rows] {
            drop(fs_err::remove_file(draft));
        }
        // On a full disk there is room for nothing but what is there.
        return if error.kind() == ErrorKind::StorageFull {
            move_down(folder, space, store, positions)
        } else {
            Err(error)
        };
    }
    fs_err::rename(new_rows, rows_path)?;
    fs_err::rename(new_keys, keys_path)
}

/// Writes the rows at these positions to new files, and to the disk.
fn write_rows(space: &Space, store: &Store, positions: &[usize], (keys, rows): (&Path, &Path)) -> io::Result<()> {
    let mut keys = BufWriter::with_capacity(1 << 20, File::create(keys)?);
    let mut rows = BufWriter::with_capacity(1 << 20, File::create(rows)?);
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
    Ok(())
}

/// Moves the rows at these positions, in their order, to the start of their own files and cuts the rest. Who reads them
/// meanwhile finds by their checksums that they are others.
fn move_down(folder: &Path, space: &Space, store: &Store, positions: &[usize]) -> io::Result<()> {
    let open = |path| OpenOptions::new().write(true).open(path);
    let (mut keys, mut rows) = (open(space.keys(folder))?, open(space.rows(folder))?);
    let (mut row, mut n) = (Vec::new(), 0);
    for &position in positions {
        let Some(record) = store.get(position, &mut row)? else { continue };
        rows.seek(SeekFrom::Start((n * row.len()) as u64))?;
        rows.write_all(&row)?;
        keys.seek(SeekFrom::Start((HEADER_BYTES + n * RECORD_BYTES) as u64))?;
        keys.write_all(&record.to_bytes())?;
        n += 1;
    }
    keys.set_len((HEADER_BYTES + n * RECORD_BYTES) as u64)?;
    rows.set_len((n * space.header.row_bytes()) as u64)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use tempfile::TempDir;

    use super::*;
    use crate::cache::{
        Cache,
        append::Appender,
        layout::{Header, Record},
    };

    #[test]
    fn rows_move_down_in_their_own_files_where_there_is_no_room() {
        let dir = TempDir::new().unwrap();
        let space = Space::found("test".to_owned(), Header { width: 2, id: [7; 32], description: "test".to_owned() });
        let row = |i: u8| [i; 8];
        let (cache, never) = (Cache::new(dir.path().to_owned()), AtomicBool::new(false));
        let records: Vec<_> = (0..6).map(|i| Record::new([i; 32], 0, &row(i))).collect();
        Appender::new(&cache, &space, &never, 0).append(&records, &(0..6).flat_map(row).collect::<Vec<_>>()).unwrap();
        let store = Store::open_locked(dir.path(), &space).unwrap().unwrap();
        move_down(dir.path(), &space, &store, &[1, 2, 5]).unwrap();
        let store = Store::open_locked(dir.path(), &space).unwrap().unwrap();
        let mut bytes = Vec::new();
        let keys: Vec<u8> = (0..store.len).map(|at| store.get(at, &mut bytes).unwrap().unwrap().key[0]).collect();
        assert_eq!(keys, [1, 2, 5]);
    }
}
