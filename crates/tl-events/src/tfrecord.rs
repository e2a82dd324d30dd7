//! The framing of TFRecord: `length u64, crc(length) u32, bytes, crc(bytes) u32`, all little-endian.
//!
//! The checksums are CRC-32C, masked so that a checksum of data that holds checksums stays strong.

use std::io::{self, Write};

/// Bytes around each record's own.
const HEADER: usize = 12;
const FOOTER: usize = 4;

/// Writes one record.
pub(crate) fn write_record(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    let length = (bytes.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(bytes)?;
    out.write_all(&masked_crc(bytes).to_le_bytes())
}

/// The records of a file; a last one that was cut off is passed over, as a killed process leaves it.
pub(crate) struct Records<'a> {
    file: &'a [u8],
    at: usize,
}

/// A record whose checksum is wrong.
#[derive(Debug, PartialEq)]
pub(crate) struct WrongChecksum {
    /// Where the record begins.
    pub(crate) at: usize,
}

impl<'a> Records<'a> {
    pub(crate) fn new(file: &'a [u8]) -> Self {
        Self { file, at: 0 }
    }

    /// Where the next record begins.
    pub(crate) fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<&'a [u8], WrongChecksum>;

    fn next(&mut self) -> Option<Self::Item> {
        let at = self.at;
        let rest = &self.file[at..];
        let (length, rest) = rest.split_first_chunk::<8>()?;
        let (length_crc, rest) = rest.split_first_chunk::<4>()?;
        // Whatever follows a record that cannot be trusted cannot be found.
        self.at = self.file.len();
        if masked_crc(length) != u32::from_le_bytes(*length_crc) {
            return Some(Err(WrongChecksum { at }));
        }
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let bytes = rest.get(..length)?;
        let (crc, _) = rest[length..].split_first_chunk::<FOOTER>()?;
        if masked_crc(bytes) != u32::from_le_bytes(*crc) {
            return Some(Err(WrongChecksum { at }));
        }
        self.at = at + HEADER + length + FOOTER;
        Some(Ok(bytes))
    }
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn file(records: &[Vec<u8>]) -> Vec<u8> {
        let mut file = Vec::new();
        for record in records {
            write_record(&mut file, record).unwrap();
        }
        file
    }

    proptest! {
        #[test]
        fn records_come_back_up_to_where_the_file_is_cut(records in vec(vec(any::<u8>(), 0..40), 0..8), cut in 0usize..400) {
            let whole = file(&records);
            let cut = cut.min(whole.len());
            let mut end = 0;
            let n_whole = records.iter().take_while(|r| { end += r.len() + HEADER + FOOTER; end <= cut }).count();
            let read: Vec<Vec<u8>> = Records::new(&whole[..cut]).map(|r| r.unwrap().to_vec()).collect();
            prop_assert_eq!(&read[..], &records[..n_whole]);
        }

        #[test]
        fn a_changed_byte_is_found(records in vec(vec(any::<u8>(), 0..40), 1..4), at in any::<prop::sample::Index>(), by in 1u8..) {
            let mut file = file(&records);
            let at = at.index(file.len());
            file[at] ^= by;
            let read: Vec<_> = Records::new(&file).collect();
            prop_assert!(read.iter().any(Result::is_err), "{read:?}");
            prop_assert!(read.len() <= records.len());
        }
    }
}
