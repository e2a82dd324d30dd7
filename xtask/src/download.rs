//! A file of a server, brought in pieces: only those that are needed, several at a time, and each only once.
//!
//! The file on disk is as long as the one on the server and has holes where nothing was needed yet. A journal beside
//! it lists the chunks that are there, so a broken download goes on where it stopped.

mod journal;
mod reader;

use std::collections::VecDeque;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use fs_err::{File, OpenOptions};
use ureq::Body;
use ureq::http::Response;

use self::journal::{CHUNK, Journal, journal_path};
pub use self::reader::Reader;
use crate::net::{Failure, Net};
use crate::progress::Task;

/// Chunks per request: enough that the round trip does not count, few enough to share among connections.
const SEGMENT: usize = 32;
const CONNECTIONS: usize = 4;
/// Attempts without a single new chunk before giving up.
const ATTEMPTS: u32 = 5;
/// Before the first repetition; it doubles with each one in vain.
const PAUSE: Duration = Duration::from_millis(100);

/// A download in progress, or done.
#[derive(Debug)]
pub struct Download<'a> {
    net: &'a Net,
    task: &'a Task,
    url: String,
    path: PathBuf,
    n_bytes: u64,
    validator: Option<String>,
    journal: Mutex<Journal>,
}

impl<'a> Download<'a> {
    /// Asks the server for the first chunk. A server that cannot give parts gives the whole file, which is taken.
    ///
    /// # Errors
    /// Those of the network, once asking again was in vain; [`Failure::Disk`] when the file cannot be written.
    pub fn open(net: &'a Net, url: &str, path: &Path, task: &'a Task) -> Result<Download<'a>, Failure> {
        retry(|| Self::try_open(net, url, path, task))
    }

    fn try_open(net: &'a Net, url: &str, path: &Path, task: &'a Task) -> Result<Download<'a>, Failure> {
        let response = net.get(url, &[("Range", &format!("bytes=0-{}", CHUNK - 1))])?;
        let validator = validator(&response);
        let n_bytes = match response.status().as_u16() {
            206 => total_bytes(&response).ok_or_else(|| Failure::Broken("a part has no length".to_owned()))?,
            _ => save_whole(response, path, task)?,
        };
        let journal = Journal::open(path, n_bytes, validator.as_deref())?;
        let download = Download {
            net,
            task,
            url: url.to_owned(),
            path: path.to_owned(),
            n_bytes,
            validator,
            journal: Mutex::new(journal),
        };
        Ok(download)
    }

    /// The number of bytes of the whole file.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Brings every byte.
    ///
    /// # Errors
    /// As [`Download::bring`].
    pub fn bring_all(&self) -> Result<(), Failure> {
        self.bring(std::slice::from_ref(&(0..self.n_bytes)))
    }

    /// Brings the bytes of `ranges` that are not here yet.
    ///
    /// # Errors
    /// As [`Download::open`], and [`Failure::Changed`] when the server has another file now.
    pub fn bring(&self, ranges: &[Range<u64>]) -> Result<(), Failure> {
        let segments = self.missing(ranges);
        let n_bytes = segments.iter().map(|segment| self.bytes_of(segment)).map(|bytes| bytes.end - bytes.start).sum();
        if n_bytes == 0 {
            return Ok(());
        }
        self.task.expect(n_bytes);
        let n_workers = segments.len().min(CONNECTIONS);
        let queue = Mutex::new(VecDeque::from(segments));
        thread::scope(|scope| {
            let workers: Vec<_> = (0..n_workers).map(|_| scope.spawn(|| self.work(&queue))).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or(Err(Failure::Changed)))
        })
    }

    fn work(&self, queue: &Mutex<VecDeque<Range<usize>>>) -> Result<(), Failure> {
        while let Some(segment) = next(queue) {
            let brought = self.bring_segment(segment);
            if brought.is_err() {
                lock(queue).clear();
                return brought;
            }
        }
        Ok(())
    }

    /// A request that breaks is repeated from the chunk where it broke.
    fn bring_segment(&self, segment: Range<usize>) -> Result<(), Failure> {
        let Range { mut start, end } = segment;
        let mut n_vain = 0;
        loop {
            let before = start;
            match self.request(&mut start, end) {
                Err(failure) if failure.is_passing() => {
                    n_vain = if start > before { 0 } else { n_vain + 1 };
                    if n_vain == ATTEMPTS {
                        return Err(failure);
                    }
                    thread::sleep(PAUSE * 2_u32.pow(n_vain));
                }
                result => return result,
            }
        }
    }

    fn request(&self, chunk: &mut usize, end: usize) -> Result<(), Failure> {
        let bytes = self.bytes_of(&(*chunk..end));
        let range = format!("bytes={}-{}", bytes.start, bytes.end - 1);
        let mut headers = vec![("Range", range.as_str())];
        headers.extend(self.validator.as_deref().map(|validator| ("If-Range", validator)));
        let response = self.net.get(&self.url, &headers)?;
        if response.status().as_u16() != 206 || total_bytes(&response) != Some(self.n_bytes) {
            return Err(Failure::Changed);
        }
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let mut file = OpenOptions::new().write(true).open(&self.path)?;
        file.seek(SeekFrom::Start(bytes.start))?;
        while *chunk < end {
            let bytes = self.bytes_of(&(*chunk..*chunk + 1));
            let mut buffer = vec![0; (bytes.end - bytes.start) as usize];
            body.read_exact(&mut buffer).map_err(|error| Failure::Broken(error.to_string()))?;
            file.write_all(&buffer)?;
            lock(&self.journal).mark(*chunk)?;
            self.task.advance(bytes.end - bytes.start);
            *chunk += 1;
        }
        Ok(())
    }

    /// The chunks that `ranges` touch and that are not here, as runs of at most a segment.
    fn missing(&self, ranges: &[Range<u64>]) -> Vec<Range<usize>> {
        let mut wanted = vec![false; lock(&self.journal).is_here.len()];
        for range in ranges.iter().filter(|range| range.start < range.end) {
            let chunks = range.start / CHUNK..range.end.min(self.n_bytes).div_ceil(CHUNK);
            chunks.for_each(|chunk| wanted[chunk as usize] = true);
        }
        let journal = lock(&self.journal);
        let mut runs: Vec<Range<usize>> = Vec::new();
        for chunk in (0..wanted.len()).filter(|chunk| wanted[*chunk] && !journal.is_here[*chunk]) {
            match runs.last_mut() {
                Some(run) if run.end == chunk && run.len() < SEGMENT => run.end += 1,
                _ => runs.push(chunk..chunk + 1),
            }
        }
        runs
    }

    fn bytes_of(&self, chunks: &Range<usize>) -> Range<u64> {
        chunks.start as u64 * CHUNK..(chunks.end as u64 * CHUNK).min(self.n_bytes)
    }

    /// A reader of the whole file that brings what it reads.
    ///
    /// # Errors
    /// [`Failure::Disk`] when the file cannot be opened.
    pub fn reader(&self) -> Result<Reader<'_, 'a>, Failure> {
        Reader::open(self, &self.path)
    }
}

/// Removes what a download left on disk.
pub fn discard(path: &Path) {
    for path in [path.to_owned(), journal_path(path)] {
        // What cannot be removed is overwritten by the next download.
        let _ = fs_err::remove_file(path);
    }
}

/// Takes the whole body of a server that does not know parts, and leaves a journal that says so.
fn save_whole(response: Response<Body>, path: &Path, task: &Task) -> Result<u64, Failure> {
    let expected = response.body().content_length();
    let validator = validator(&response);
    let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
    let mut file = File::create(path)?;
    task.expect(expected.unwrap_or(0));
    let mut buffer = vec![0; CHUNK as usize];
    let mut n_bytes = 0;
    loop {
        let n = body.read(&mut buffer).map_err(|error| Failure::Broken(error.to_string()))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n])?;
        n_bytes += n as u64;
        task.advance(n as u64);
    }
    if expected.is_some_and(|expected| expected != n_bytes) {
        return Err(Failure::Broken(format!("{n_bytes} bytes came instead of {}", expected.unwrap_or(0))));
    }
    journal::write_complete(path, n_bytes, validator.as_deref())?;
    Ok(n_bytes)
}

/// A strong `ETag`, which alone may stand in `If-Range`, or the date of the last change.
fn validator(response: &Response<Body>) -> Option<String> {
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    header("etag").filter(|tag| !tag.starts_with("W/")).or_else(|| header("last-modified"))
}

/// The number behind the slash of `Content-Range: bytes 0-99/1234`.
fn total_bytes(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get("content-range")?.to_str().ok()?;
    range.rsplit_once('/')?.1.parse().ok()
}

fn retry<T>(mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    for n_vain in 1..ATTEMPTS {
        match attempt() {
            Err(failure) if failure.is_passing() => thread::sleep(PAUSE * 2_u32.pow(n_vain)),
            result => return result,
        }
    }
    attempt()
}

fn next(queue: &Mutex<VecDeque<Range<usize>>>) -> Option<Range<usize>> {
    lock(queue).pop_front()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
