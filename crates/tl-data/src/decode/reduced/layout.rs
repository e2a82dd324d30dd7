//! How many blocks and samples a picture has.

use super::tables::Tables;

/// Sizes that follow from the frame and from how far a picture is reduced.
pub(super) struct Layout {
    /// Most blocks per unit of any component, across and down.
    pub(super) h_max: usize,
    pub(super) v_max: usize,
    pub(super) n_units_x: usize,
    pub(super) n_units_y: usize,
    /// Samples per row of every plane.
    pub(super) stride: usize,
    /// Rows of every plane.
    n_rows: usize,
    /// Samples per block of each component, across and down.
    pub(super) samples: Vec<(usize, usize)>,
}

impl Layout {
    /// `n` is the number of samples, across and down, of a block at full sampling.
    pub(super) fn new(tables: &Tables, n: usize) -> Option<Self> {
        let h_max = tables.components.iter().map(|c| c.h).max()?;
        let v_max = tables.components.iter().map(|c| c.v).max()?;
        let in_range = |size: usize| (1..=4).contains(&size);
        if !tables.components.iter().all(|c| in_range(c.h) && in_range(c.v)) || tables.width == 0 || tables.height == 0
        {
            return None;
        }
        let samples = |size: usize, max: usize| {
            let n_samples = n * max / size;
            (max.is_multiple_of(size) && n_samples <= 8 && n_samples.is_power_of_two()).then_some(n_samples)
        };
        let samples = tables.components.iter().map(|c| samples(c.h, h_max).zip(samples(c.v, v_max)));
        let samples = samples.collect::<Option<Vec<_>>>()?;
        let (n_units_x, n_units_y) = (tables.width.div_ceil(8 * h_max), tables.height.div_ceil(8 * v_max));
        Some(Self {
            h_max,
            v_max,
            n_units_x,
            n_units_y,
            stride: n_units_x * h_max * n,
            n_rows: n_units_y * v_max * n,
            samples,
        })
    }

    /// Room for a plane's samples.
    pub(super) fn plane(&self) -> Vec<u8> {
        vec![0; self.stride * self.n_rows]
    }
}
