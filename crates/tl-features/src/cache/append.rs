//! The two files of a space grow at their ends.

use std::{
    collections::BTreeSet,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

use fs_err::{File, OpenOptions};

use crate::cache::{
    Cache,
    layout::{HEADER_BYTES, Key, RECORD_BYTES, Record},
    lock::Lock,
    space::Space,
    store::{read_header, read_records, whole_rows},
};

/// Puts rows behind those that are there, each key once.
#[derive(Debug)]
pub(crate) struct Appender<'a> {
    cache: &'a Cache,
    space: &'a Space,
    /// Ends a wait for other writers.
    stop: &'a AtomicBool,
    /// Rows whose keys are known, here or to the index.
    n_seen: usize,
    /// Keys of the rows that were put there since the index was read, by this process or another.
    added: BTreeSet<Key>,
}

impl<'a> Appender<'a> {
    /// For rows that an index of so many does not know, or whose row there is damaged.
    pub(crate) fn new(cache: &'a Cache, space: &'a Space, stop: &'a AtomicBool, n_known: usize) -> Self {
        Self { cache, space, stop, n_seen: n_known, added: BTreeSet::new() }
    }

    /// Puts rows and their records behind those that are there, but for those that another process put there meanwhile.
    ///
    /// What a killed writer left half-done is cut off first; files that are no files of this space are begun anew. A
    /// row is on the file before its record is, so that a reader sees whole rows only.
    pub(crate) fn append(&mut self, records: &[Record], rows: &[u8]) -> io::Result<()> {
        let _lock = Lock::exclusive(self.cache, self.stop)?;
        let (mut keys_file, mut rows_file) = files(self.cache.folder(), self.space)?;
        let row_bytes = self.space.header.row_bytes();
        let len = whole_rows(&keys_file, &rows_file, row_bytes)?;
        self.look(&keys_file, len)?;
        let (records, rows) = self.only_new(records, rows);
        put_at_end(&mut rows_file, len as u64 * row_bytes as u64, &rows)?;
        put_at_end(&mut keys_file, (HEADER_BYTES + len * RECORD_BYTES) as u64, &records)?;
        self.n_seen = len + records.len() / RECORD_BYTES;
        Ok(())
    }

    /// Learns the keys of the rows that others put behind those that are known.
    fn look(&mut self, keys: &File, len: usize) -> io::Result<()> {
        // Fewer than there were: others removed rows, and any that is there now may be new.
        let first = if len < self.n_seen { 0 } else { self.n_seen };
        let records = read_records(keys, first..len)?;
        self.added.extend(records.iter().map(|record| record.key));
        Ok(())
    }

    /// The bytes of the records that are not there yet, and those of their rows.
    fn only_new(&mut self, records: &[Record], rows: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let (mut new_records, mut new_rows) = (Vec::new(), Vec::new());
        for (record, row) in records.iter().zip(rows.chunks_exact(self.space.header.row_bytes())) {
            if self.added.insert(record.key) {
                new_records.extend(record.to_bytes());
                new_rows.extend(row);
            }
        }
        (new_records, new_rows)
    }
}

/// The files of keys and of rows, with the header of this space and no other.
fn files(folder: &Path, space: &Space) -> io::Result<(File, File)> {
    let (mut keys, rows) = (open_to_write(&space.keys(folder))?, open_to_write(&space.rows(folder))?);
    if !read_header(&mut keys)?.is_some_and(|header| header.has_rows_of(&space.header)) {
        rows.set_len(0)?;
        keys.set_len(0)?;
        keys.seek(SeekFrom::Start(0))?;
        keys.write_all(&space.header.to_bytes())?;
    }
    Ok((keys, rows))
}

/// Cuts a file at `end` and writes there; where that fails, as on a full disk, it cuts the file again.
fn put_at_end(file: &mut File, end: u64, bytes: &[u8]) -> io::Result<()> {
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    let written = file.write_all(bytes);
    if written.is_err() {
        // The first error is the one to tell; a tail that stays is cut by the next writer.
        let _ = file.set_len(end);
    }
    written
}

fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::cache::{layout::Header, store::Store};

    const ROW: usize = 12;

    fn space() -> Space {
        Space::found("test".to_owned(), Header { width: 3, id: [9; 32], description: "test".to_owned() })
    }

    fn row(i: u8) -> [u8; ROW] {
        std::array::from_fn(|at| i.wrapping_mul(31) ^ at as u8)
    }

    fn append_rows(folder: &Path, numbers: std::ops::Range<u8>) {
        let (cache, space, never) = (Cache::new(folder.to_owned()), space(), AtomicBool::new(false));
        append_to(&mut Appender::new(&cache, &space, &never, 0), numbers);
    }

    fn append_to(appender: &mut Appender<'_>, numbers: std::ops::Range<u8>) {
        let records: Vec<_> = numbers.clone().map(|i| Record::new([i; 32], i.into(), &row(i))).collect();
        appender.append(&records, &numbers.flat_map(row).collect::<Vec<_>>()).unwrap();
    }

    /// The undamaged rows.
    fn good(folder: &Path) -> Vec<u8> {
        let Some(store) = Store::open_locked(folder, &space()).unwrap() else { return Vec::new() };
        let mut bytes = Vec::new();
        let found = (0..store.len).filter_map(|at| store.get(at, &mut bytes).unwrap());
        found.map(|record| record.key[0]).collect()
    }

    #[test]
    fn a_cut_at_any_byte_of_either_file_costs_the_rows_behind_it() {
        let dir = TempDir::new().unwrap();
        append_rows(dir.path(), 0..5);
        let paths = [space().keys(dir.path()), space().rows(dir.path())];
        let whole = paths.clone().map(|path| fs_err::read(path).unwrap());
        for (file, size) in [(0, RECORD_BYTES), (1, ROW)] {
            for end in 0..whole[file].len() {
                for (path, bytes) in paths.iter().zip(&whole) {
                    fs_err::write(path, bytes).unwrap();
                }
                fs_err::write(&paths[file], &whole[file][..end]).unwrap();
                let start = if file == 0 { HEADER_BYTES } else { 0 };
                let n_left = (end.saturating_sub(start) / size) as u8;
                assert_eq!(good(dir.path()), (0..n_left).collect::<Vec<_>>(), "file {file} cut at {end}");
                append_rows(dir.path(), 7..9);
                assert_eq!(good(dir.path()), (0..n_left).chain(7..9).collect::<Vec<_>>(), "file {file} cut at {end}");
            }
        }
    }

    #[test]
    fn a_changed_byte_anywhere_costs_one_row_or_with_the_header_all() {
        let dir = TempDir::new().unwrap();
        append_rows(dir.path(), 0..5);
        for (path, start, size) in
            [(space().keys(dir.path()), HEADER_BYTES, RECORD_BYTES), (space().rows(dir.path()), 0, ROW)]
        {
            let whole = fs_err::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut changed = whole.clone();
                changed[at] ^= 16;
                fs_err::write(&path, changed).unwrap();
                let lost = at.checked_sub(start).map(|at| (at / size) as u8);
                let left = (0..5).filter(|i| lost.is_some_and(|lost| lost != *i));
                assert_eq!(good(dir.path()), left.collect::<Vec<_>>(), "byte {at} of {}", path.display());
            }
            fs_err::write(&path, whole).unwrap();
        }
    }

    #[test]
    fn two_that_write_at_once_keep_each_row_once() {
        let dir = TempDir::new().unwrap();
        append_rows(dir.path(), 0..2);
        let (cache, space, never) = (Cache::new(dir.path().to_owned()), space(), AtomicBool::new(false));
        // Both know the first two rows, one of which is damaged, and compute the same others.
        let [mut one, mut other] = [(); 2].map(|()| Appender::new(&cache, &space, &never, 2));
        append_to(&mut one, 1..4);
        append_to(&mut other, 1..5);
        append_to(&mut one, 4..6);
        append_to(&mut other, 5..6);
        assert_eq!(good(dir.path()), [0, 1, 1, 2, 3, 4, 5]);
        // Nor is one kept twice when all were removed meanwhile.
        cache.clear().unwrap();
        append_to(&mut other, 7..9);
        append_to(&mut one, 7..9);
        assert_eq!(good(dir.path()), [7, 8]);
    }
}
