//! What tells one photo from another, whatever its name is.

use std::{
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Bytes that are looked at from each end of a file.
const N_END_BYTES: u64 = 64 << 10;

/// Identifies the content of a photo: equal files have equal keys.
pub(crate) type ContentKey = [u8; 32];

/// The key of a file: of its length, its first and its last 64 KiB.
///
/// Reading the ends alone keeps the split of many large photos fast. Two photos that agree there and differ in
/// between would share a key, and hence a side, which does no harm.
/// A file that cannot be read is known by its path; the reader will skip it later, with the reason.
pub(crate) fn content_key(path: &Path) -> ContentKey {
    match ends(path) {
        Ok(ends) => *blake3::hash(&ends).as_bytes(),
        Err(_) => *blake3::hash(path.as_os_str().as_encoded_bytes()).as_bytes(),
    }
}

fn ends(path: &Path) -> io::Result<Vec<u8>> {
    let found = fs_err::metadata(path)?;
    if !found.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = fs_err::File::open(path)?;
    let mut bytes = Vec::with_capacity(2 * N_END_BYTES as usize + 64);
    bytes.extend(found.len().to_le_bytes());
    (&mut file).take(N_END_BYTES).read_to_end(&mut bytes)?;
    let tail = found.len().saturating_sub(N_END_BYTES).max(N_END_BYTES);
    file.seek(SeekFrom::Start(tail))?;
    file.take(N_END_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
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
