//! Sixteen channels of a pixel, in memory.

/// Channels in a line.
pub(crate) const LANES: usize = 16;

/// Sixteen channels of a pixel: as wide as a line of the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [f32; LANES]);

/// The same in 16 bits each, as pairs: the lower half of each is the even channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(32))]
pub(crate) struct HalfLine(pub(crate) [u32; LANES / 2]);

/// The same in bytes, as fours: the lowest byte of each is the first channel.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[repr(C, align(16))]
pub(crate) struct ByteLine(pub(crate) [u32; LANES / 4]);

impl Line {
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }
}

/// Values in lines, zeros behind the last.
pub(crate) fn lines(values: &[f32]) -> Vec<Line> {
    let mut lines = vec![Line::default(); values.len().div_ceil(LANES)];
    for (i, &value) in values.iter().enumerate() {
        lines[i / LANES].0[i % LANES] = value;
    }
    lines
}
