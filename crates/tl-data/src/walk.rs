//! Walking folders without tripping: loops, pipes, debris.

use std::{
    fs::{FileType, Metadata},
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

use walkdir::{DirEntry, WalkDir};

use crate::{
    error::DataError,
    skip::{SkipReason, Skipped},
    sniff::{Format, N_HEAD_BYTES, unknown},
};

/// Endings that are taken for a photo without a look inside; the reader judges by content later.
const PHOTO_ENDINGS: [&str; 12] =
    ["jpg", "jpeg", "jpe", "jfif", "png", "gif", "webp", "bmp", "dib", "tif", "tiff", "ico"];

/// Endings of what usually lies beside photos and was never meant as one: notes, what cameras and phones write beside
/// each photo, films, archives, what programs leave.
#[rustfmt::skip]
const DEBRIS_ENDINGS: [&str; 39] = [
    "txt", "md", "pdf", "html", "csv", "tsv", "json", "jsonl", "xml", "yaml", "yml", "toml", "ini", "db", "log",
    "xmp", "aae", "thm", "mov", "mp4", "m4v", "avi", "mkv", "webm", "mp3", "wav", "zip", "tar", "gz", "7z", "rar",
    "lnk", "url", "py", "ipynb", "npy", "npz", "parquet", "safetensors",
];

/// Folders that systems leave behind.
const DEBRIS_FOLDERS: [&str; 4] = ["__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information"];

/// How the settings of a training run begin.
const RUN_MARK: &[u8] = b"# command: [";

/// What lies under a folder.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    /// Files that are photos by name or content, sorted by path.
    pub(crate) photos: Vec<PathBuf>,
    /// Files that look meant and cannot be used.
    pub(crate) skipped: Vec<Skipped>,
    /// Debris that was passed over.
    pub(crate) n_ignored: usize,
}

impl Walk {
    /// Walks `root` and everything under it, following links.
    pub(crate) fn of(root: &Path) -> Self {
        let mut walk = Self::default();
        let mut entries = WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter();
        while let Some(entry) = entries.next() {
            match entry {
                Ok(entry) if entry.depth() == 0 => {}
                Ok(entry) if entry.file_type().is_dir() => {
                    if walk.folder_is_passed_over(root, &entry) {
                        entries.skip_current_dir();
                    }
                }
                Ok(entry) => walk.file(entry.path(), entry.file_type()),
                Err(error) => walk.failed(root, &error),
            }
        }
        walk.photos.sort();
        walk
    }

    /// A single file, wherever it lies.
    pub(crate) fn file(&mut self, path: &Path, kind: FileType) {
        if is_debris(path) {
            self.n_ignored += 1;
            return;
        }
        match reason_against(path, kind) {
            None => self.photos.push(path.to_owned()),
            Some(reason) => self.skip(path, reason),
        }
    }

    pub(crate) fn skip(&mut self, path: &Path, reason: SkipReason) {
        self.skipped.push(Skipped { path: path.to_owned(), reason });
    }

    /// Fails on the first thing that the system would not read: a folder that is closed is not to be taken for empty.
    pub(crate) fn check_read(&self) -> Result<(), DataError> {
        let refused = self.skipped.iter().find_map(|skipped| match &skipped.reason {
            SkipReason::Unreadable { reason } => Some((skipped.path.clone(), reason.clone())),
            _ => None,
        });
        refused.map_or(Ok(()), |(path, reason)| Err(DataError::Read { path, reason }))
    }

    fn folder_is_passed_over(&mut self, root: &Path, entry: &DirEntry) -> bool {
        if is_debris_folder(entry.path()) {
            self.n_ignored += 1;
            return true;
        }
        if entry.path_is_symlink() && leads_above(entry.path(), root) {
            self.skip(entry.path(), SkipReason::LinkLoop);
            return true;
        }
        let named_like_a_photo = has_ending(entry.path(), &PHOTO_ENDINGS);
        if named_like_a_photo {
            self.skip(entry.path(), SkipReason::NotAFile { what: "a folder" });
        }
        named_like_a_photo
    }

    fn failed(&mut self, root: &Path, error: &walkdir::Error) {
        let path = error.path().unwrap_or(root);
        if is_debris(path) {
            self.n_ignored += 1;
            return;
        }
        let reason = match error.io_error() {
            Some(io) if io.kind() == ErrorKind::NotFound && path.is_symlink() => {
                SkipReason::NotAFile { what: "a link that leads nowhere" }
            }
            Some(io) => SkipReason::unreadable(io),
            None => SkipReason::LinkLoop,
        };
        self.skip(path, reason);
    }
}

/// Whether a link leads to a folder that holds `root` too.
pub(crate) fn leads_above(link: &Path, root: &Path) -> bool {
    let ends = fs_err::canonicalize(link).ok().zip(fs_err::canonicalize(root).ok());
    ends.is_some_and(|(target, root)| root.starts_with(target))
}

/// Why a file cannot be a photo, judged by what it is, then by name, then by its first bytes.
fn reason_against(path: &Path, kind: FileType) -> Option<SkipReason> {
    if let Some(what) = not_a_file(kind) {
        return Some(SkipReason::NotAFile { what });
    }
    if has_ending(path, &PHOTO_ENDINGS) {
        return None;
    }
    match head(path) {
        Ok(bytes) if Format::of(&bytes).is_some() => None,
        Ok(bytes) if bytes.is_empty() => Some(SkipReason::Empty),
        Ok(bytes) => Some(unknown(&bytes)),
        Err(error) => Some(SkipReason::unreadable(&error)),
    }
}

fn head(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(N_HEAD_BYTES);
    fs_err::File::open(path)?.take(N_HEAD_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a path is when it is no regular file; opening a pipe would wait for ever.
pub(crate) fn not_a_file(kind: FileType) -> Option<&'static str> {
    if kind.is_file() {
        return None;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let special = [
            (kind.is_fifo(), "a pipe"),
            (kind.is_socket(), "a socket"),
            (kind.is_block_device() || kind.is_char_device(), "a device"),
        ];
        if let Some((_, what)) = special.into_iter().find(|(is, _)| *is) {
            return Some(what);
        }
    }
    Some(if kind.is_dir() { "a folder" } else { "something else" })
}

/// Files that nobody meant as photos: hidden ones, and what systems and people leave beside photos.
pub(crate) fn is_debris(path: &Path) -> bool {
    is_hidden(path) || has_ending(path, &DEBRIS_ENDINGS)
}

/// Folders that nobody meant as classes.
pub(crate) fn is_debris_folder(path: &Path) -> bool {
    let is_named_so = || path.file_name().is_some_and(|name| DEBRIS_FOLDERS.iter().any(|debris| name == *debris));
    is_hidden(path) || is_named_so() || is_run(path) || holds_runs_alone(path)
}

/// Whether a folder is that of a training run, which has its settings in it with the command in the first line.
fn is_run(folder: &Path) -> bool {
    let mut start = Vec::new();
    let config = fs_err::File::open(folder.join("config.toml"));
    let read = config.and_then(|file| file.take(RUN_MARK.len() as u64).read_to_end(&mut start));
    read.is_ok() && start == RUN_MARK
}

/// Whether a folder is where runs are made, as `tl train` does in the folder it is called from.
fn holds_runs_alone(folder: &Path) -> bool {
    let Ok(entries) = fs_err::read_dir(folder) else { return false };
    let mut entries = entries.flatten().map(|entry| entry.path()).filter(|path| !is_hidden(path)).peekable();
    entries.peek().is_some() && entries.all(|path| is_run(&path))
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension()
        .and_then(|ending| ending.to_str())
        .is_some_and(|ending| endings.iter().any(|known| known.eq_ignore_ascii_case(ending)))
}

/// The metadata behind a path, links followed.
pub(crate) fn metadata(path: &Path) -> std::io::Result<Metadata> {
    fs_err::metadata(path)
}
