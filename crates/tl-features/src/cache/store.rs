//! The two files of a space: opened, and read by position.

use std::{
    io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom},
    ops::Range,
    path::Path,
    sync::atomic::AtomicBool,
};

use fs_err::File;

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
        if !read_header(&mut keys)?.is_some_and(|header| header.has_rows_of(&space.header)) {
            return Ok(None);
        }
        let row_bytes = space.header.row_bytes();
        let len = whole_rows(&keys, &rows, row_bytes)?;
        Ok(Some(Self { keys, rows, row_bytes, len }))
    }

    /// All records in their order.
    pub(crate) fn records(&self) -> io::Result<Vec<Record>> {
        read_records(&self.keys, 0..self.len)
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

/// The records at some positions.
pub(crate) fn read_records(keys: &File, positions: Range<usize>) -> io::Result<Vec<Record>> {
    let mut keys = keys.try_clone()?;
    keys.seek(SeekFrom::Start((HEADER_BYTES + positions.start * RECORD_BYTES) as u64))?;
    let mut reader = BufReader::with_capacity(1 << 20, keys);
    let mut bytes = [0; RECORD_BYTES];
    let next = |_| {
        reader.read_exact(&mut bytes)?;
        Record::parse(&bytes).ok_or_else(|| ErrorKind::InvalidData.into())
    };
    positions.map(next).collect()
}

/// Rows that are whole in both files.
pub(crate) fn whole_rows(keys: &File, rows: &File, row_bytes: usize) -> io::Result<usize> {
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
