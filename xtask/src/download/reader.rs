//! A download as a file that can be read anywhere.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

use fs_err::File;

use super::Download;
use crate::net::Failure;

/// Reads a [`Download`] anywhere, fetching chunks when they are first touched.
#[derive(Debug)]
pub struct Reader<'d, 'a> {
    download: &'d Download<'a>,
    file: File,
    position: u64,
}

impl<'d, 'a> Reader<'d, 'a> {
    /// From the first byte of the download at `path` on.
    pub(super) fn open(download: &'d Download<'a>, path: &Path) -> Result<Self, Failure> {
        Ok(Self { download, file: File::open(path)?, position: 0 })
    }
}

impl Read for Reader<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let end = (self.position + buffer.len() as u64).min(self.download.n_bytes);
        if self.position >= end {
            return Ok(0);
        }
        let wanted = self.position..end;
        self.download.bring(std::slice::from_ref(&wanted)).map_err(into_io)?;
        self.file.seek(SeekFrom::Start(self.position))?;
        let n = self.file.read(&mut buffer[..(wanted.end - wanted.start) as usize])?;
        self.position += n as u64;
        Ok(n)
    }
}

/// A full disk stays recognisable as one.
fn into_io(failure: Failure) -> io::Error {
    match failure {
        Failure::Disk(error) => error,
        failure => io::Error::other(failure),
    }
}

impl Seek for Reader<'_, '_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(step) => self.position.checked_add_signed(step),
            SeekFrom::End(step) => self.download.n_bytes.checked_add_signed(step),
        };
        self.position = position.ok_or(io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.position)
    }
}
