//! The order of coefficients in a file (T.81, figure A.6).

/// Natural place, `v * 8 + u`, of the coefficients in zigzag order.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The diagonal, `v + u`, of each.
pub(super) const DIAGONALS: [u8; 64] = diagonals();

const fn diagonals() -> [u8; 64] {
    let (mut diagonals, mut k) = ([0; 64], 0);
    while k < 64 {
        diagonals[k] = ZIGZAG[k] / 8 + ZIGZAG[k] % 8;
        k += 1;
    }
    diagonals
}

/// Which coefficients a block of so many samples, across and down, needs.
pub(super) fn wanted(n_x: usize, n_y: usize) -> [bool; 64] {
    ZIGZAG.map(|place| usize::from(place % 8) < n_x && usize::from(place / 8) < n_y)
}
