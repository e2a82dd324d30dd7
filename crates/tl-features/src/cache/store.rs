//! The two files of a space: opened, read by position, appended to.

use std::{
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::atomic::AtomicBool,
};

use fs_err::{File, OpenOptions};

use crate::cache::{
    Cache,
    layout::{HEADER_BYTES, Header, RECORD_BYTES, Record},
    lock::Lock,
    space::Space,
};

/// The files of a space, open for reading.
///
/// They are read by position and not mapped into memory: a mapped file that someone cuts short kills the process,
/// and reading four kilobytes costs less than checking them.
#[derive(Debug)]
pub(crate) struct Store {
    keys: File,
    rows: File,
    row_bytes: usize,
    /// Rows that were there when it was opened.
    pub(crate) len: usize,
}

impl Store {
    /// Opens the files as they are now; nothing where there are none, or where they are not those of `space`.
    pub(crate) fn open(cache: &Cache, space: &Space, stop: &AtomicBool) -> io::Result<Option<Self>> {
        let _lock = match Lock::shared(cache, stop) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            lock => lock?,
        };
        Self::open_locked(cache.folder(), space)
    }

    /// The same while the lock is held.
    pub(crate) fn open_locked(folder: &Path, space: &Space) -> io::Result<Option<Self>> {
        let (mut keys, rows) = match (File::open(space.keys(folder)), File::open(space.rows(folder))) {
            (Err(error), _) | (_, Err(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
            (keys, rows) => (keys?, rows?),
        };
        if read_header(&mut keys)?.as_ref() != Some(&space.header) {
            return Ok(None);
        }
        let row_bytes = space.header.row_bytes();
        let len = whole_rows(&keys, &rows, row_bytes)?;
        Ok(Some(Self { keys, rows, row_bytes, len }))
    }

    /// All records in their order.
    pub(crate) fn records(&self) -> io::Result<Vec<Record>> {
        let mut keys = self.keys.try_clone()?;
        keys.seek(SeekFrom::Start(HEADER_BYTES as u64))?;
        let mut reader = BufReader::with_capacity(1 << 20, keys);
        let mut bytes = [0; RECORD_BYTES];
        let next = |_| {
            reader.read_exact(&mut bytes)?;
            Record::parse(&bytes).ok_or_else(|| ErrorKind::InvalidData.into())
        };
        (0..self.len).map(next).collect()
    }

    /// The record at a position, with its row in `row`; nothing where either was damaged.
    pub(crate) fn get(&self, position: usize, row: &mut Vec<u8>) -> io::Result<Option<Record>> {
        let mut bytes = [0; RECORD_BYTES];
        read_at(&self.keys, &mut bytes, (HEADER_BYTES + position * RECORD_BYTES) as u64)?;
        row.resize(self.row_bytes, 0);
        read_at(&self.rows, row, position as u64 * self.row_bytes as u64)?;
        Ok(Record::parse(&bytes).filter(|record| record.is_right(row)))
    }
}

/// Puts rows and their records behind those that are there.
///
/// What a killed writer left half-done is cut off first; files that are no files of this space are begun anew. A
/// row is on the file before its record is, so that a reader sees whole rows only.
pub(crate) fn append(cache: &Cache, space: &Space, stop: &AtomicBool, records: &[u8], rows: &[u8]) -> io::Result<()> {
    let _lock = Lock::exclusive(cache, stop)?;
    let mut keys_file = open_to_write(&space.keys(cache.folder()))?;
    let mut rows_file = open_to_write(&space.rows(cache.folder()))?;
    if read_header(&mut keys_file)?.as_ref() != Some(&space.header) {
        rows_file.set_len(0)?;
        keys_file.set_len(0)?;
        keys_file.seek(SeekFrom::Start(0))?;
        keys_file.write_all(&space.header.to_bytes())?;
    }
    let row_bytes = space.header.row_bytes();
    let len = whole_rows(&keys_file, &rows_file, row_bytes)?;
    let (keys_end, rows_end) = ((HEADER_BYTES + len * RECORD_BYTES) as u64, len as u64 * row_bytes as u64);
    put_at_end(&mut rows_file, rows_end, rows)?;
    put_at_end(&mut keys_file, keys_end, records)
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

/// Rows that are whole in both files.
fn whole_rows(keys: &File, rows: &File, row_bytes: usize) -> io::Result<usize> {
    let records = (keys.metadata()?.len() as usize).saturating_sub(HEADER_BYTES) / RECORD_BYTES;
    Ok(records.min(rows.metadata()?.len() as usize / row_bytes.max(1)))
}

/// The header of a file of keys; nothing where it is damaged, cut off or of another version.
pub(crate) fn read_header(keys: &mut File) -> io::Result<Option<Header>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    keys.seek(SeekFrom::Start(0))?;
    Read::by_ref(keys).take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(Header::parse(&bytes))
}

fn open_to_write(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)
}

/// Fills `bytes` from a position; threads may do so at once.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file.file(), bytes, position)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut position: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file.file(), bytes, position)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            n => (bytes, position) = (&mut bytes[n..], position + n as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const ROW: usize = 12;

    fn space() -> Space {
        Space::found("test".to_owned(), Header { width: 3, id: [9; 32], description: "test".to_owned() })
    }

    fn row(i: u8) -> [u8; ROW] {
        std::array::from_fn(|at| i.wrapping_mul(31) ^ at as u8)
    }

    fn append_rows(folder: &Path, numbers: std::ops::Range<u8>) {
        let record = |i| Record::new([i; 32], i.into(), &row(i)).to_bytes();
        append(
            &Cache::new(folder.to_owned()),
            &space(),
            &AtomicBool::new(false),
            &numbers.clone().flat_map(record).collect::<Vec<_>>(),
            &numbers.flat_map(row).collect::<Vec<_>>(),
        )
        .unwrap();
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
}
