//! What a photo looks like, in 128 bits that survive scaling and recompression.

use crate::look::SIDE;

/// Side of the grid of average brightness that is compared.
const GRID: usize = 9;

/// Grids whose brightness varies less than this are plain walls and night skies: all alike, and no copies.
const MIN_RANGE: u8 = 12;

/// Whether each cell of a 9x9 grid is darker than its right (64 bits) and its lower (64 bits) neighbour.
///
/// Known as the difference hash. It is the measure by which `tl_data::near_duplicates` keeps photos together,
/// taken here from the one view that an audit decodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Likeness(u128);

impl Likeness {
    /// From brightness, `[SIDE, SIDE]`; `None` when it is too plain to tell.
    pub(crate) fn of(luma: &[u8]) -> Option<Self> {
        let grid = averages(luma);
        let range = grid.iter().max()? - grid.iter().min()?;
        if range < MIN_RANGE {
            return None;
        }
        let mut bits = 0;
        for (y, x) in (0..GRID - 1).flat_map(|y| (0..GRID - 1).map(move |x| (y, x))) {
            let here = grid[y * GRID + x];
            bits = bits << 1 | u128::from(here < grid[y * GRID + x + 1]);
            bits = bits << 1 | u128::from(here < grid[(y + 1) * GRID + x]);
        }
        Some(Self(bits))
    }

    /// Bits of 128 that differ.
    pub(crate) fn distance(self, other: Self) -> u32 {
        (self.0 ^ other.0).count_ones()
    }
}

/// Mean brightness of each cell; `SIDE` is a multiple of `GRID`, so cells are whole.
fn averages(luma: &[u8]) -> Vec<u8> {
    const CELL: usize = SIDE / GRID;
    let mut sums = [0_u32; GRID * GRID];
    for (y, row) in luma.chunks_exact(SIDE).enumerate() {
        for (x, cell) in row.chunks_exact(CELL).enumerate() {
            sums[y / CELL * GRID + x] += cell.iter().map(|&value| u32::from(value)).sum::<u32>();
        }
    }
    sums.iter().map(|sum| (sum / (CELL * CELL) as u32) as u8).collect()
}
