//! Entropy-coded data as it is read.

use crate::decode::{
    bit_reader::{BitReader, N_PADDING},
    jpeg_header::EOI,
};

/// Data of a scan without stuffed bytes, padded after each restart interval.
pub(super) struct EntropyCoded {
    bytes: Vec<u8>,
    /// Where each interval ends.
    ends: Vec<usize>,
    /// Whether the picture's end follows.
    pub(super) is_last: bool,
}

impl EntropyCoded {
    /// Up to the next marker other than a restart; `None` unless there is one.
    pub(super) fn new(mut data: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(data.len() + 64);
        let mut ends = Vec::new();
        loop {
            let marker = memchr::memchr(0xFF, data)?;
            bytes.extend_from_slice(&data[..marker]);
            match *data.get(marker + 1)? {
                0x00 => bytes.push(0xFF),
                // A fill byte: the marker comes yet.
                0xFF => {
                    data = &data[marker + 1..];
                    continue;
                }
                code => {
                    ends.push(bytes.len());
                    bytes.extend_from_slice(&[0; N_PADDING]);
                    if !matches!(code, 0xD0..=0xD7) {
                        return Some(Self { bytes, ends, is_last: code == EOI });
                    }
                }
            }
            data = &data[marker + 2..];
        }
    }

    /// Calls `unit` for each unit of the scan, with whether it begins a restart interval; `None` where that does, and
    /// where there were fewer bits than they read.
    #[inline]
    pub(super) fn units(
        &self,
        n_units: usize,
        restart_interval: usize,
        mut unit: impl FnMut(&mut BitReader<'_>, usize, bool) -> Option<()>,
    ) -> Option<()> {
        let interval = if restart_interval == 0 { n_units } else { restart_interval };
        for (i, first) in (0..n_units).step_by(interval).enumerate() {
            let mut reader = BitReader::new(self.interval(i)?);
            for place in first..(first + interval).min(n_units) {
                unit(&mut reader, place, place == first)?;
            }
            if reader.is_beyond_end() {
                return None;
            }
        }
        Some(())
    }

    /// The `i`-th interval with its padding.
    fn interval(&self, i: usize) -> Option<&[u8]> {
        let start = i.checked_sub(1).map_or(Some(0), |before| Some(self.ends.get(before)? + N_PADDING))?;
        self.bytes.get(start..self.ends.get(i)? + N_PADDING)
    }
}
