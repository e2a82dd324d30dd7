//! sha256 of files and of folders, and a memory of it, so that what did not change is not read again.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files;

/// The sha256 of a file or of a folder, in hexadecimal digits.
///
/// A folder's is that of the list that `sha256sum` prints for its files in byte order of their paths:
/// `find . -type f -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum`.
///
/// # Errors
/// A file or folder that cannot be read.
pub fn sha256(path: &Path) -> Result<String> {
    if path.is_dir() { sha256_of_folder(path) } else { sha256_of_file(path) }
}

fn sha256_of_folder(folder: &Path) -> Result<String> {
    let mut hasher = Sha256::new();
    for (name, path) in list(folder)? {
        hasher.update(format!("{}  {name}\n", sha256_of_file(&path)?));
    }
    Ok(hex(&hasher.finalize()))
}

fn sha256_of_file(path: &Path) -> Result<String> {
    let mut file = fs_err::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// The sha256 of bytes in memory.
#[must_use]
pub fn sha256_of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(digest: &[u8]) -> String {
    digest
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

/// The regular files below `folder`, by their paths with forward slashes.
fn list(folder: &Path) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(next)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let name = path.strip_prefix(folder)?.to_string_lossy().replace('\\', "/");
                found.insert(name, path);
            }
        }
    }
    Ok(found)
}

/// Remembers, below a data folder, what was hashed and what it looked like then.
#[derive(Debug)]
pub struct Memory {
    data: PathBuf,
    known: Mutex<BTreeMap<String, Known>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Known {
    /// Changes whenever a size or a time of modification changes.
    looks: String,
    sha256: String,
}

impl Memory {
    /// The memory of the data folder; an unreadable one is an empty one.
    #[must_use]
    pub fn open(data: &Path) -> Memory {
        let known = fs_err::read(memory_file(data)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Memory { data: data.to_owned(), known: Mutex::new(known.unwrap_or_default()) }
    }

    /// The sha256 of `name` below the data folder, or nothing if it is not there.
    ///
    /// # Errors
    /// A file or folder that cannot be read, or a memory that cannot be written.
    pub fn sha256(&self, name: &str) -> Result<Option<String>> {
        let path = self.data.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let looks = looks(&path)?;
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some(known) = known.filter(|known| known.looks == looks) {
            return Ok(Some(known.sha256));
        }
        let sha256 = sha256(&path)?;
        self.store(name, Known { looks, sha256: sha256.clone() })?;
        Ok(Some(sha256))
    }

    fn store(&self, name: &str, entry: Known) -> Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), entry);
        let text = serde_json::to_vec_pretty(&*known).context("the memory of hashes cannot be written")?;
        files::write(&memory_file(&self.data), &text)
    }
}

fn memory_file(data: &Path) -> PathBuf {
    data.join(".fetch/verified.json")
}

fn looks(path: &Path) -> Result<String> {
    if !path.is_dir() {
        return looks_of_file(path);
    }
    let mut hasher = Sha256::new();
    for (name, path) in list(path)? {
        hasher.update(format!("{name} {}\n", looks_of_file(&path)?));
    }
    Ok(hex(&hasher.finalize()))
}

fn looks_of_file(path: &Path) -> Result<String> {
    let metadata = fs_err::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(format!("{} {}", metadata.len(), modified.as_nanos()))
}
