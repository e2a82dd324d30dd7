//! What tells one photo from another, whatever its name is.

use std::{io, path::Path};

/// Identifies the content of a photo: equal files have equal keys, and others have others.
pub(crate) type ContentKey = [u8; 32];

/// The key of a file: the hash of all its bytes. Of pictures that are not compressed the ends may be the same page.
///
/// A file that cannot be read is known by its path; the reader will skip it later, with the reason.
pub(crate) fn content_key(path: &Path) -> ContentKey {
    let hash = hash(path).unwrap_or_else(|_| blake3::hash(path.as_os_str().as_encoded_bytes()));
    *hash.as_bytes()
}

fn hash(path: &Path) -> io::Result<blake3::Hash> {
    // Opening a pipe waits for a writer, so look before opening.
    if !fs_err::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs_err::File::open(path)?)?;
    Ok(hasher.finalize())
}

/// A number from 0 to below 1 that `seed` and `key` decide, evenly spread over keys.
pub(crate) fn position(seed: u64, key: &ContentKey) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes()).update(key);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    // 53 bits are what a double holds exactly.
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}
