//! What a photo looks like, taken from the one view that an audit decodes.

use tl_data::PerceptualHash;

use crate::look::SIDE;

/// Side of the grid of average brightness that is compared.
const GRID: usize = 9;

/// Pixels per cell and direction; `SIDE` is a multiple of `GRID`, so cells are whole.
const CELL: usize = SIDE / GRID;

/// The perceptual hash of brightness `[SIDE, SIDE]`; `None` when it is too plain to tell.
pub(crate) fn likeness(luma: &[u8]) -> Option<PerceptualHash> {
    let mut sums = [0_u32; GRID * GRID];
    for (y, row) in luma.chunks_exact(SIDE).enumerate() {
        for (x, cell) in row.chunks_exact(CELL).enumerate() {
            sums[y / CELL * GRID + x] += cell.iter().map(|&value| u32::from(value)).sum::<u32>();
        }
    }
    PerceptualHash::of_luma(&sums.map(|sum| (sum / (CELL * CELL) as u32) as u8))
}
