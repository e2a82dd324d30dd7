//! Numbers that begin where a line of the cache does.

use std::ops::{Deref, DerefMut};

/// f32 values at a multiple of 64 bytes, where the kernels load and store without crossing lines: products are up to a
/// third faster there. An allocator begins large pieces 16 bytes behind a page.
#[derive(Debug, Default)]
pub struct Aligned {
    /// Its values, and some before and behind them.
    memory: Vec<f32>,
    first: usize,
    len: usize,
}

/// Bytes of a line, and values in it.
const LINE: usize = 64;
const VALUES: usize = LINE / size_of::<f32>();

impl Aligned {
    /// `n` zeros.
    #[must_use]
    pub fn zeros(n: usize) -> Self {
        let memory = vec![0.0; n + VALUES - 1];
        // Where it cannot be told, it is as any other memory.
        let first = memory.as_ptr().align_offset(LINE).min(VALUES - 1);
        Self { memory, first, len: n }
    }

    /// Holds `n` values from now on, whatever they are.
    pub fn set_len(&mut self, n: usize) {
        match self.first + n <= self.memory.len() {
            true => self.len = n,
            false => *self = Self::zeros(n),
        }
    }
}

/// Puts the transpose of a matrix with rows of `width` values into `into`.
pub fn transpose(matrix: &[f32], width: usize, into: &mut Aligned) {
    into.set_len(matrix.len());
    let Some(height) = matrix.len().checked_div(width) else { return };
    // A line of memory of them at a time, so that each is fetched once.
    for first_row in (0..height).step_by(VALUES) {
        let rows = first_row..height.min(first_row + VALUES);
        for column in 0..width {
            let from = matrix[rows.start * width + column..].iter().step_by(width);
            into[column * height..][rows.clone()].iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }
}

impl From<&[f32]> for Aligned {
    /// A copy.
    fn from(values: &[f32]) -> Self {
        let mut aligned = Self::zeros(values.len());
        aligned.copy_from_slice(values);
        aligned
    }
}

impl Deref for Aligned {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.memory[self.first..][..self.len]
    }
}

impl DerefMut for Aligned {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.memory[self.first..][..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_begin_at_a_line_and_stay_there() {
        for n in [0, 1, 100, 100_000] {
            let mut values = Aligned::zeros(n);
            assert_eq!((values.len(), values.as_ptr().addr() % LINE), (n, 0));
            values.fill(1.0);
            let moved = values;
            let copy = Aligned::from(&*moved);
            assert_eq!((&*copy, copy.as_ptr().addr() % LINE), (&*moved, 0));
        }
        let mut values = Aligned::zeros(10);
        for n in [3, 10, 1000, 0] {
            values.set_len(n);
            assert_eq!((values.len(), values.as_ptr().addr() % LINE), (n, 0));
        }
    }
}
