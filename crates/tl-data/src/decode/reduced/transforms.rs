//! Inverse transforms of all sizes.

use crate::decode::idct::{Basis, idct};

/// The transforms of all sizes.
pub(super) struct Transforms {
    one: Basis<1>,
    two: Basis<2>,
    four: Basis<4>,
    eight: Basis<8>,
}

impl Transforms {
    pub(super) fn new() -> Self {
        Self { one: Basis::new(), two: Basis::new(), four: Basis::new(), eight: Basis::new() }
    }

    #[inline]
    pub(super) fn apply(&self, c: &[f32; 64], reach: usize, size: (usize, usize), out: &mut [u8], stride: usize) {
        match size {
            (1, 1) => idct(c, reach, &self.one, &self.one, out, stride),
            (2, 1) => idct(c, reach, &self.two, &self.one, out, stride),
            (1, 2) => idct(c, reach, &self.one, &self.two, out, stride),
            (2, 2) => idct(c, reach, &self.two, &self.two, out, stride),
            (4, 1) => idct(c, reach, &self.four, &self.one, out, stride),
            (1, 4) => idct(c, reach, &self.one, &self.four, out, stride),
            (4, 2) => idct(c, reach, &self.four, &self.two, out, stride),
            (2, 4) => idct(c, reach, &self.two, &self.four, out, stride),
            (4, 4) => idct(c, reach, &self.four, &self.four, out, stride),
            (8, 1) => idct(c, reach, &self.eight, &self.one, out, stride),
            (1, 8) => idct(c, reach, &self.one, &self.eight, out, stride),
            (8, 2) => idct(c, reach, &self.eight, &self.two, out, stride),
            (2, 8) => idct(c, reach, &self.two, &self.eight, out, stride),
            (8, 4) => idct(c, reach, &self.eight, &self.four, out, stride),
            (4, 8) => idct(c, reach, &self.four, &self.eight, out, stride),
            _ => idct(c, reach, &self.eight, &self.eight, out, stride),
        }
    }
}
