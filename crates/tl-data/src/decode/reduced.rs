//! JPEG at a half, a quarter or an eighth of its size.
//!
//! Only the coefficients that the small picture needs are transformed, the others are stepped over, and chroma that
//! is stored at half size is transformed to the full reduced size, so nothing is enlarged.
//! What is rare (several scans of a baseline photo, odd sampling, RGB inside) is left to the general decoder.

mod band;
mod baseline;
mod entropy;
mod layout;
mod progressive;
mod tables;
mod transforms;
mod zigzag;

use self::{baseline::Scan, progressive::Progressive, tables::Tables};
use super::{
    huffman::HuffmanTable,
    jpeg_header::{EOI, SOS, Segments},
};

/// Bytes of entropy-coded data from which on it pays to prepare for passing over most of it.
const LARGE: usize = 256 << 10;

/// A reduced picture: one plane per component, all of one size, which is at least that of the picture.
pub(crate) struct Planes {
    /// One plane (gray) or three (luma, blue and red difference).
    pub(crate) planes: Vec<Vec<u8>>,
    /// Bytes per row of each plane.
    pub(crate) stride: usize,
}

/// Decodes at 1/`divisor`, which is 2, 4 or 8; `None` for what this decoder leaves to others, damage included.
pub(crate) fn decode(bytes: &[u8], divisor: u32) -> Option<Planes> {
    decode_preparing(bytes, divisor, LARGE)
}

/// Prepares for passing over coefficients from `large` bytes on.
fn decode_preparing(bytes: &[u8], divisor: u32, large: usize) -> Option<Planes> {
    let (mut tables, mut is_progressive) = (Tables::default(), false);
    let mut segments = Segments::new(bytes);
    let n = 8 / divisor as usize;
    while let Some((marker, body)) = segments.next_segment() {
        match marker {
            0xC0..=0xC2 => {
                tables.frame(body)?;
                is_progressive = marker == 0xC2;
            }
            SOS if is_progressive => return Progressive::new(&tables, n)?.decode(&mut tables, &mut segments, body),
            SOS => return baseline(&mut tables, body, segments.rest(), n, large),
            EOI => return None,
            _ => tables.segment(marker, body)?,
        }
    }
    None
}

fn baseline(tables: &mut Tables, body: &[u8], data: &[u8], n: usize, large: usize) -> Option<Planes> {
    let (places, _) = tables.scan(body)?;
    if !places.into_iter().eq(0..tables.components.len()) {
        return None;
    }
    if data.len() >= large {
        tables.ac.iter_mut().flatten().for_each(HuffmanTable::prepare_skips);
    }
    Scan::new(tables, n)?.decode(data)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHOTOS: [(&str, &[u8]); 8] = [
        ("4:4:4", include_bytes!("../../tests/it/golden/reduced0.jpg")),
        ("4:2:2", include_bytes!("../../tests/it/golden/reduced1.jpg")),
        ("4:2:0", include_bytes!("../../tests/it/golden/reduced2.jpg")),
        ("gray", include_bytes!("../../tests/it/golden/reduced_gray.jpg")),
        ("restarts", include_bytes!("../../tests/it/golden/restart.jpg")),
        ("progressive 4:4:4", include_bytes!("../../tests/it/golden/reduced_progressive444.jpg")),
        ("progressive 4:2:0", include_bytes!("../../tests/it/golden/reduced_progressive.jpg")),
        ("progressive gray", include_bytes!("../../tests/it/golden/reduced_progressive_gray.jpg")),
    ];

    /// Otherwise the general decoder would take over unseen.
    #[test]
    fn usual_photos_are_decoded_here() {
        for (name, bytes) in PHOTOS {
            for divisor in [2, 4, 8] {
                assert!(decode(bytes, divisor).is_some(), "{name} at 1/{divisor}");
            }
        }
    }

    /// The scans of a progressive photo add up to the coefficients of its baseline twin.
    #[test]
    fn progressive_photos_are_their_twins() {
        for (baseline, progressive) in [(0, 5), (2, 6), (3, 7)] {
            for divisor in [2, 4, 8] {
                let planes = |photo: usize| decode(PHOTOS[photo].1, divisor).map(|planes| planes.planes);
                assert!(planes(baseline) == planes(progressive), "{} at 1/{divisor}", PHOTOS[progressive].0);
            }
        }
    }

    /// Whether all is the same with coefficients passed over one by one and several at a time.
    fn agrees(bytes: &[u8], divisor: u32) -> bool {
        let planes = |large| decode_preparing(bytes, divisor, large).map(|planes| planes.planes);
        planes(0) == planes(usize::MAX)
    }

    #[test]
    fn several_coefficients_at_a_time_are_passed_over_as_one_by_one() {
        for (name, bytes) in PHOTOS {
            for divisor in [2, 4, 8] {
                assert!(agrees(bytes, divisor), "{name} at 1/{divisor}");
            }
        }
    }

    proptest! {
        #[test]
        fn so_are_those_of_damaged_photos(
            photo in 0..PHOTOS.len(), divisor in prop_oneof![Just(2), Just(4), Just(8)],
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = PHOTOS[photo].1.to_vec();
            for (place, byte) in damage {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            prop_assert!(agrees(&bytes, divisor));
        }
    }

    #[test]
    fn damage_is_left_to_others() {
        let bytes = include_bytes!("../../tests/it/golden/reduced2.jpg");
        let mut shortened = bytes[..bytes.len() / 2].to_vec();
        shortened.extend_from_slice(&[0xFF, EOI]);
        assert!(decode(&shortened, 8).is_none());
    }
}
