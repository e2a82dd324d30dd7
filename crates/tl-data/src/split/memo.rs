//! Perceptual hashes that are kept between runs.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use super::{content::ContentKey, perceptual::PerceptualHash};
use crate::atomic::sibling;

/// First bytes of the file; a change of what a hash is made from changes them.
const MAGIC: &[u8; 8] = b"tlhash03";
const KEY: usize = size_of::<ContentKey>();
const RECORD: usize = KEY + size_of::<PerceptualHash>();

/// What stands for a photo that is too plain to tell: no hash has so few edges.
const PLAIN: PerceptualHash = PerceptualHash { rising: 0, falling: 0 };

/// Hashes of photos seen before, by content.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Memo {
    known: BTreeMap<ContentKey, PerceptualHash>,
}

impl Memo {
    /// What the file holds; nothing where it is missing or damaged, for it can be made again.
    pub(crate) fn open(path: &Path) -> Self {
        let bytes = fs_err::read(path).unwrap_or_default();
        Self { known: records(&bytes).unwrap_or_default() }
    }

    /// Whether a photo was seen, be it too plain to have a hash.
    pub(crate) fn knows(&self, key: &ContentKey) -> bool {
        self.known.contains_key(key)
    }

    pub(crate) fn get(&self, key: &ContentKey) -> Option<PerceptualHash> {
        self.known.get(key).copied().filter(|hash| *hash != PLAIN)
    }

    pub(crate) fn insert(&mut self, key: ContentKey, hash: Option<PerceptualHash>) {
        self.known.insert(key, hash.unwrap_or(PLAIN));
    }

    /// Writes the file whole or not at all. Of two processes that write at once one wins: the other's photos
    /// cost another look next time.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        fs_err::create_dir_all(folder)?;
        let mut bytes = MAGIC.to_vec();
        for (key, hash) in &self.known {
            bytes.extend_from_slice(key);
            bytes.extend([hash.rising, hash.falling].into_iter().flat_map(u128::to_le_bytes));
        }
        let sum = blake3::hash(&bytes);
        bytes.extend_from_slice(sum.as_bytes());
        // Not waited for until it is on the disk: what is damaged is made again.
        let mut file = sibling(folder)?;
        file.write_all(&bytes)?;
        file.persist(path)?;
        Ok(())
    }
}

/// The records between the magic and the sum over both, or `None` if anything is off.
fn records(bytes: &[u8]) -> Option<BTreeMap<ContentKey, PerceptualHash>> {
    let (content, sum) = bytes.split_last_chunk::<32>()?;
    let content = Some(content).filter(|content| blake3::hash(content).as_bytes() == sum)?;
    let (records, rest) = content.strip_prefix(MAGIC)?.as_chunks::<RECORD>();
    let record = |record: &[u8; RECORD]| {
        let (key, hash) = record.split_first_chunk::<KEY>()?;
        let (rising, falling) = hash.split_first_chunk()?;
        let (rising, falling) = (u128::from_le_bytes(*rising), u128::from_le_bytes(falling.try_into().ok()?));
        Some((*key, PerceptualHash { rising, falling }))
    };
    rest.is_empty().then(|| records.iter().map(record).collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memo(n: u8) -> Memo {
        let mut memo = Memo::default();
        (0..n).for_each(|i| memo.insert([i; 32], Some(PerceptualHash { rising: u128::from(i) << 100, falling: 7 })));
        memo.insert([255; 32], None);
        memo
    }

    #[test]
    fn comes_back_from_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("memo");
        assert_eq!(Memo::open(&path), Memo::default());
        for n in [0, 5] {
            memo(n).save(&path).unwrap();
            assert_eq!(Memo::open(&path), memo(n));
        }
        let memo = Memo::open(&path);
        assert_eq!(memo.get(&[3; 32]), Some(PerceptualHash { rising: 3 << 100, falling: 7 }));
        assert_eq!((memo.knows(&[255; 32]), memo.get(&[255; 32]), memo.knows(&[99; 32])), (true, None, false));
    }

    proptest::proptest! {
        #[test]
        fn a_damaged_file_is_an_empty_one(at in 0usize..200, to: u8) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("memo");
            memo(4).save(&path).unwrap();
            let mut bytes = fs_err::read(&path).unwrap();
            let at = at % bytes.len();
            if bytes[at] == to {
                bytes.truncate(at);
            } else {
                bytes[at] = to;
            }
            fs_err::write(&path, bytes).unwrap();
            proptest::prop_assert_eq!(Memo::open(&path), Memo::default());
        }
    }
}
