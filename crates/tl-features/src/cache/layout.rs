//! What lies in the files of a space: a header, records of keys, and rows.
//!
//! `NAME.tlkeys` holds a [`Header`] and then a [`Record`] for each row; `NAME.tlrows` holds the rows, as
//! little-endian f32, at the same positions. Both only grow at their ends. Keys lie apart from rows so that
//! finding out what is there reads 48 bytes a row, not four thousand. A row counts once its record is whole
//! and its checksum is right.

/// What a row is found by.
pub(crate) type Key = [u8; 32];

/// Bytes of a [`Header`].
pub(crate) const HEADER_BYTES: usize = 512;
/// Bytes of a [`Record`].
pub(crate) const RECORD_BYTES: usize = 48;

const MAGIC: [u8; 8] = *b"tlrows\x00\x01";
/// Where the description starts.
const TEXT: usize = 48;
/// Where the checksum of all before it starts.
const SUM: usize = HEADER_BYTES - 8;

/// The start of a file of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Numbers in a row.
    pub(crate) width: u32,
    /// Hash of all that the rows of this space have in common.
    pub(crate) id: Key,
    /// The same for people.
    pub(crate) description: String,
}

impl Header {
    /// Whether the rows of one belong to the other, in whatever words they are described.
    pub(crate) fn has_rows_of(&self, other: &Self) -> bool {
        (self.width, self.id) == (other.width, other.id)
    }

    pub(crate) fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&self.width.to_le_bytes());
        bytes[12..44].copy_from_slice(&self.id);
        for (to, from) in bytes[TEXT..SUM].iter_mut().zip(self.description.bytes()) {
            *to = from;
        }
        let sum = short_hash(&[&bytes[..SUM]]);
        bytes[SUM..].copy_from_slice(&sum);
        bytes
    }

    /// Nothing where a byte is wrong, or the layout is of another version.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.try_into().ok()?;
        if bytes[..8] != MAGIC || bytes[SUM..] != short_hash(&[&bytes[..SUM]]) {
            return None;
        }
        Some(Self {
            width: u32::from_le_bytes(array(&bytes[8..12])?),
            id: array(&bytes[12..44])?,
            description: String::from_utf8_lossy(&bytes[TEXT..SUM]).trim_end_matches('\0').to_owned(),
        })
    }

    /// Bytes of one row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.width as usize * 4
    }
}

/// What is known of one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Key,
    /// When it was written, in seconds since 1970.
    pub(crate) seconds: u64,
    checksum: [u8; 8],
}

impl Record {
    pub(crate) fn new(key: Key, seconds: u64, row: &[u8]) -> Self {
        Self { key, seconds, checksum: Self::checksum(&key, seconds, row) }
    }

    pub(crate) fn to_bytes(self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        bytes[..32].copy_from_slice(&self.key);
        bytes[32..40].copy_from_slice(&self.seconds.to_le_bytes());
        bytes[40..].copy_from_slice(&self.checksum);
        bytes
    }

    /// Any bytes make a record: only with its row can it be told whether it is right.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let seconds = u64::from_le_bytes(array(bytes.get(32..40)?)?);
        Some(Self { key: array(bytes.get(..32)?)?, seconds, checksum: array(bytes.get(40..RECORD_BYTES)?)? })
    }

    /// Whether neither the record nor its row has changed since they were written.
    pub(crate) fn is_right(&self, row: &[u8]) -> bool {
        self.checksum == Self::checksum(&self.key, self.seconds, row)
    }

    fn checksum(key: &Key, seconds: u64, row: &[u8]) -> [u8; 8] {
        short_hash(&[key, &seconds.to_le_bytes(), row])
    }
}

/// Eight bytes of BLAKE3: enough against accidents.
fn short_hash(parts: &[&[u8]]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    let mut short = [0; 8];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    short
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_records_come_back() {
        let header = Header { width: 1024, id: [7; 32], description: "mobilenet_v1 bf16".to_owned() };
        assert_eq!(Header::parse(&header.to_bytes()), Some(header.clone()));
        let record = Record::new([3; 32], 1_700_000_000, b"row");
        assert_eq!(Record::parse(&record.to_bytes()), Some(record));
        assert!(record.is_right(b"row") && !record.is_right(b"raw"));
        for at in 0..HEADER_BYTES {
            let mut bytes = header.to_bytes();
            bytes[at] ^= 1;
            assert_eq!(Header::parse(&bytes), None, "byte {at}");
        }
    }

    #[test]
    fn rows_belong_to_a_hash_and_not_to_its_description() {
        let header = Header { width: 3, id: [7; 32], description: "as it was said".to_owned() };
        assert!(header.has_rows_of(&Header { description: "otherwise".to_owned(), ..header.clone() }));
        assert!(!header.has_rows_of(&Header { id: [8; 32], ..header.clone() }));
        assert!(!header.has_rows_of(&Header { width: 4, ..header.clone() }));
    }

    #[test]
    fn a_long_description_is_cut() {
        let header = Header { width: 1, id: [0; 32], description: "x".repeat(1000) };
        assert_eq!(Header::parse(&header.to_bytes()).unwrap().description.len(), SUM - TEXT);
    }
}
