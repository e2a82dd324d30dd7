//! Finding rows by key.

use std::{io, sync::atomic::AtomicBool};

use crate::cache::{Cache, layout::Key, space::Space, store::Store};

/// Where each key's row is, in 16 bytes of memory a row.
#[derive(Debug, Default)]
pub(crate) struct Index {
    store: Option<Store>,
    /// The first eight bytes of a key, which is a hash, and its position; sorted.
    places: Vec<(u64, u64)>,
}

impl Index {
    /// Reads the keys that are there now. A wait for them ends when `stop` is set.
    pub(crate) fn open(cache: &Cache, space: &Space, stop: &AtomicBool) -> io::Result<Self> {
        let Some(store) = Store::open(cache, space, stop)? else { return Ok(Self::default()) };
        let records = store.records()?;
        let mut places: Vec<_> = records.iter().enumerate().map(|(i, r)| (start(&r.key), i as u64)).collect();
        places.sort_unstable();
        Ok(Self { store: Some(store), places })
    }

    /// Rows that were there.
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// Appends the row of `key` to `out` if it is there and undamaged. `bytes` is a buffer to use again.
    pub(crate) fn get(&self, key: &Key, bytes: &mut Vec<u8>, out: &mut Vec<f32>) -> bool {
        let (Some(store), Some(position)) = (&self.store, self.position(key)) else { return false };
        match store.get(position, bytes) {
            Ok(Some(record)) if record.key == *key => {
                out.extend(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)));
                true
            }
            // A row that cannot be read or trusted is computed again, and then stands behind this one.
            _ => false,
        }
    }

    /// The last row of a key: the one before it may be the damaged one that it replaces.
    fn position(&self, key: &Key) -> Option<usize> {
        let end = self.places.partition_point(|(place, _)| *place <= start(key));
        self.places[..end].last().filter(|(place, _)| *place == start(key)).map(|(_, position)| *position as usize)
    }
}

fn start(key: &Key) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key[..8]);
    u64::from_le_bytes(first)
}
