//! Smallest, middle, largest.

use serde::Serialize;

/// How a quantity spreads over photos.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: u64,
    /// The middle one; of two middle ones the smaller.
    pub median: u64,
    /// The largest.
    pub max: u64,
}

impl Spread {
    /// All zero when there are no values.
    pub(crate) fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut values: Vec<_> = values.collect();
        values.sort_unstable();
        match (values.first(), values.last()) {
            (Some(&min), Some(&max)) => Self { min, median: values[(values.len() - 1) / 2], max },
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_middle_counts() {
        assert_eq!(Spread::of([4, 1, 3, 2].into_iter()), Spread { min: 1, median: 2, max: 4 });
        assert_eq!(Spread::of([7].into_iter()), Spread { min: 7, median: 7, max: 7 });
        assert_eq!(Spread::of([].into_iter()), Spread::default());
    }
}
