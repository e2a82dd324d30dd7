//! How a camera was held, as EXIF tells.

/// A picture's turn: which stored pixel is shown where.
///
/// Shown pixel (x, y) is stored pixel (x, y), with the axes swapped first if `swap`, then counted from the far
/// end of the stored row (`flip_x`) or column (`flip_y`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Orientation {
    pub(crate) swap: bool,
    pub(crate) flip_x: bool,
    pub(crate) flip_y: bool,
}

impl Orientation {
    /// From EXIF tag 0x0112 (EXIF 2.32, section 4.6.4); unknown values show the picture as it is stored.
    pub(crate) fn from_exif(value: u8) -> Self {
        let (swap, flip_x, flip_y) = match value {
            2 => (false, true, false),
            3 => (false, true, true),
            4 => (false, false, true),
            5 => (true, false, false),
            6 => (true, false, true),
            7 => (true, true, true),
            8 => (true, true, false),
            _ => (false, false, false),
        };
        Self { swap, flip_x, flip_y }
    }

    /// From a chunk of EXIF: the tag 0x0112 in the first directory (TIFF 6.0, section 2), a number of any width.
    pub(crate) fn in_exif(chunk: &[u8]) -> Option<Self> {
        let is_little = match chunk.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let number = |bytes: &[u8]| -> usize {
            let add = |sum: usize, &byte: &u8| sum << 8 | usize::from(byte);
            if is_little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
        };
        let (n_entries, entries) = chunk.get(number(chunk.get(4..8)?)..)?.split_at_checked(2)?;
        let mut entries = entries.chunks_exact(12).take(number(n_entries));
        let entry = entries.find(|entry| number(&entry[..2]) == 0x112)?;
        let n_bytes = match number(&entry[2..4]) {
            1 => 1,
            3 => 2,
            4 => 4,
            _ => return None,
        };
        let value = number(&entry[8..8 + n_bytes]);
        u8::try_from(value).ok().filter(|value| (1..=8).contains(value)).map(Self::from_exif)
    }

    /// Whether the picture is shown as it is stored.
    pub(crate) fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// Where a square of `side` at `shown` in the shown picture lies in the stored picture of `width` x `height`.
    pub(crate) fn stored_corner(self, shown: (u32, u32), side: u32, (width, height): (u32, u32)) -> (u32, u32) {
        let (x, y) = if self.swap { (shown.1, shown.0) } else { shown };
        (if self.flip_x { width - side - x } else { x }, if self.flip_y { height - side - y } else { y })
    }

    /// Where a point of the shown picture lies in the stored one; both run from 0 to 1.
    pub(crate) fn stored_point(self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = if self.swap { (y, x) } else { (x, y) };
        (if self.flip_x { 1.0 - x } else { x }, if self.flip_y { 1.0 - y } else { y })
    }

    /// Turns a square of RGB pixels from stored to shown.
    pub(crate) fn show_square(self, stored: &[u8], side: usize, shown: &mut [u8]) {
        for (y, row) in shown.chunks_exact_mut(side * 3).enumerate() {
            for (x, pixel) in row.chunks_exact_mut(3).enumerate() {
                let (mut u, mut v) = if self.swap { (y, x) } else { (x, y) };
                u = if self.flip_x { side - 1 - u } else { u };
                v = if self.flip_y { side - 1 - v } else { v };
                pixel.copy_from_slice(&stored[(v * side + u) * 3..][..3]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corner_agrees_with_the_pixels() {
        // A 5x5 picture shown turned, then cut at (1, 2), equals the stored picture cut at its corner, then turned.
        let stored: Vec<u8> = (0..75).collect();
        for value in 1..=8 {
            let orientation = Orientation::from_exif(value);
            let mut shown = vec![0; 75];
            orientation.show_square(&stored, 5, &mut shown);
            let (x, y) = orientation.stored_corner((1, 2), 2, (5, 5));
            let mut cut_then_shown = vec![0; 12];
            orientation.show_square(&cut(&stored, x, y), 2, &mut cut_then_shown);
            assert_eq!(cut(&shown, 1, 2), cut_then_shown, "orientation {value}");
        }
    }

    fn cut(square: &[u8], x: u32, y: u32) -> Vec<u8> {
        (y..y + 2).flat_map(|y| square[(y * 5 + x) as usize * 3..][..6].to_vec()).collect()
    }
}
