//! Baseline JPEG at a half, a quarter or an eighth of its size.
//!
//! Only the coefficients that the small picture needs are transformed, the others are stepped over, and chroma that
//! is stored at half size is transformed to the full reduced size, so nothing is enlarged.
//! What is rare (several scans, odd sampling, RGB inside) is left to the general decoder.

use super::{
    huffman::{BitReader, HuffmanTable, N_PADDING},
    idct::{Basis, idct},
    jpeg_header::{EOI, SOS, Segments},
};

/// Natural place, `v * 8 + u`, of the coefficients in zigzag order.
#[rustfmt::skip]
const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// The diagonal, `v + u`, of each.
const DIAGONALS: [u8; 64] = diagonals();

const fn diagonals() -> [u8; 64] {
    let (mut diagonals, mut k) = ([0; 64], 0);
    while k < 64 {
        diagonals[k] = ZIGZAG[k] / 8 + ZIGZAG[k] % 8;
        k += 1;
    }
    diagonals
}

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
    let mut tables = Tables::default();
    let mut segments = Segments::new(bytes);
    while let Some((marker, body)) = segments.next_segment() {
        match marker {
            0xC0 | 0xC1 => tables.frame(body)?,
            0xC4 => tables.huffman(body)?,
            0xDB => tables.quantization(body)?,
            0xDD => tables.restart_interval = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?])),
            // Adobe's segment says whether three components are RGB.
            0xEE if body.starts_with(b"Adobe") && body.get(11) == Some(&0) => return None,
            0xC2..=0xCF | EOI => return None,
            SOS => {
                tables.scan(body)?;
                if segments.rest().len() >= large {
                    tables.ac.iter_mut().flatten().for_each(HuffmanTable::prepare_skips);
                }
                return Scan::new(&tables, 8 / divisor as usize)?.decode(segments.rest());
            }
            _ => {}
        }
    }
    None
}

/// What the segments before the scan define.
#[derive(Default)]
struct Tables {
    quantization: [Option<[f32; 64]>; 4],
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
    restart_interval: usize,
    width: usize,
    height: usize,
    components: Vec<Component>,
}

/// A component as the frame and the scan describe it.
struct Component {
    id: u8,
    /// Blocks per unit, across and down.
    h: usize,
    v: usize,
    quantization: usize,
    dc: usize,
    ac: usize,
}

impl Tables {
    fn frame(&mut self, body: &[u8]) -> Option<()> {
        let &[8, h1, h0, w1, w0, n, ref rest @ ..] = body else { return None };
        self.height = usize::from(u16::from_be_bytes([h1, h0]));
        self.width = usize::from(u16::from_be_bytes([w1, w0]));
        let component = |spec: &[u8]| Component {
            id: spec[0],
            h: usize::from(spec[1] >> 4),
            v: usize::from(spec[1] & 15),
            quantization: usize::from(spec[2]),
            dc: 0,
            ac: 0,
        };
        self.components = rest.chunks_exact(3).map(component).collect();
        // Components called R, G, B are what they say.
        let is_rgb = self.components.iter().map(|c| c.id).eq(*b"RGB");
        (self.components.len() == usize::from(n) && !is_rgb).then_some(())
    }

    fn quantization(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let n_bytes = if head >> 4 == 0 { 1 } else { 2 };
            let values = rest.get(..64 * n_bytes)?;
            let value = |bytes: &[u8]| bytes.iter().fold(0.0, |sum, &byte| sum * 256.0 + f32::from(byte));
            let table = self.quantization.get_mut(usize::from(head & 15))?.insert([0.0; 64]);
            table.iter_mut().zip(values.chunks_exact(n_bytes)).for_each(|(entry, bytes)| *entry = value(bytes));
            body = &rest[64 * n_bytes..];
        }
        Some(())
    }

    fn huffman(&mut self, mut body: &[u8]) -> Option<()> {
        while let Some((&head, rest)) = body.split_first() {
            let counts = rest.get(..16)?;
            let n: usize = counts.iter().map(|&count| usize::from(count)).sum();
            let table = HuffmanTable::new(counts, rest.get(16..16 + n)?)?;
            let tables = if head >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(head & 15))? = Some(table);
            body = &rest[16 + n..];
        }
        Some(())
    }

    /// One scan with all components in the order of the frame; anything else is left to others.
    fn scan(&mut self, body: &[u8]) -> Option<()> {
        let (&n, rest) = body.split_first()?;
        if usize::from(n) != self.components.len() || !matches!(n, 1 | 3) {
            return None;
        }
        for (component, spec) in self.components.iter_mut().zip(rest.chunks_exact(2)) {
            if component.id != spec[0] {
                return None;
            }
            (component.dc, component.ac) = (usize::from(spec[1] >> 4), usize::from(spec[1] & 15));
        }
        if n == 1 {
            // A lone component is not cut into units (T.81, A.2.2).
            (self.components[0].h, self.components[0].v) = (1, 1);
        }
        Some(())
    }
}

/// A component, ready to decode.
struct Plane<'a> {
    h: usize,
    v: usize,
    /// Samples per block, across and down.
    n_x: usize,
    n_y: usize,
    quantization: &'a [f32; 64],
    dc: &'a HuffmanTable,
    ac: &'a HuffmanTable,
    /// Which coefficients, in zigzag order, the reduced block needs.
    wanted: [bool; 64],
    /// None is needed from this one on.
    n_seen: usize,
    last_dc: i32,
    samples: Vec<u8>,
}

struct Scan<'a> {
    planes: Vec<Plane<'a>>,
    transforms: Transforms,
    n_units_x: usize,
    n_units_y: usize,
    restart_interval: usize,
    stride: usize,
}

impl<'a> Scan<'a> {
    /// `n` is the number of samples, across and down, of a block at full sampling.
    fn new(tables: &'a Tables, n: usize) -> Option<Self> {
        let h_max = tables.components.iter().map(|c| c.h).max()?;
        let v_max = tables.components.iter().map(|c| c.v).max()?;
        let in_range = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v);
        if !tables.components.iter().all(in_range) || tables.width == 0 || tables.height == 0 {
            return None;
        }
        let (n_units_x, n_units_y) = (tables.width.div_ceil(8 * h_max), tables.height.div_ceil(8 * v_max));
        let stride = n_units_x * h_max * n;
        let mut planes = Vec::with_capacity(tables.components.len());
        for c in &tables.components {
            let (n_x, n_y) = (n * h_max / c.h, n * v_max / c.v);
            if h_max % c.h != 0
                || v_max % c.v != 0
                || n_x > 8
                || n_y > 8
                || !n_x.is_power_of_two()
                || !n_y.is_power_of_two()
            {
                return None;
            }
            let wanted = ZIGZAG.map(|place| usize::from(place % 8) < n_x && usize::from(place / 8) < n_y);
            planes.push(Plane {
                h: c.h,
                v: c.v,
                n_x,
                n_y,
                quantization: tables.quantization.get(c.quantization)?.as_ref()?,
                dc: tables.dc.get(c.dc)?.as_ref()?,
                ac: tables.ac.get(c.ac)?.as_ref()?,
                n_seen: wanted.iter().rposition(|&wanted| wanted).map_or(0, |last| last + 1),
                wanted,
                last_dc: 0,
                samples: vec![0; stride * n_units_y * v_max * n],
            });
        }
        let restart_interval = tables.restart_interval;
        Some(Self { planes, transforms: Transforms::new(), n_units_x, n_units_y, restart_interval, stride })
    }

    fn decode(mut self, data: &[u8]) -> Option<Planes> {
        let n_units = self.n_units_x * self.n_units_y;
        let interval = if self.restart_interval == 0 { n_units } else { self.restart_interval };
        let (data, ends) = unstuffed(data)?;
        let mut start = 0;
        for (i, first) in (0..n_units).step_by(interval).enumerate() {
            let end = *ends.get(i)?;
            let mut reader = BitReader::new(data.get(start..end + N_PADDING)?);
            self.planes.iter_mut().for_each(|plane| plane.last_dc = 0);
            for unit in first..(first + interval).min(n_units) {
                self.unit(&mut reader, unit)?;
            }
            if reader.is_beyond_end() {
                return None;
            }
            start = end + N_PADDING;
        }
        Some(Planes { planes: self.planes.into_iter().map(|plane| plane.samples).collect(), stride: self.stride })
    }

    /// The blocks of one unit, component by component.
    fn unit(&mut self, reader: &mut BitReader<'_>, unit: usize) -> Option<()> {
        let (unit_x, unit_y) = (unit % self.n_units_x, unit / self.n_units_x);
        for plane in &mut self.planes {
            for block in 0..plane.h * plane.v {
                let x = (unit_x * plane.h + block % plane.h) * plane.n_x;
                let y = (unit_y * plane.v + block / plane.h) * plane.n_y;
                plane.block(reader, &self.transforms, y * self.stride + x, self.stride)?;
            }
        }
        Some(())
    }
}

impl Plane<'_> {
    #[inline]
    fn block(&mut self, reader: &mut BitReader<'_>, transforms: &Transforms, at: usize, stride: usize) -> Option<()> {
        self.last_dc = self.last_dc.wrapping_add(reader.dc(self.dc)?);
        let mut coefficients = [0.0; 64];
        coefficients[0] = self.last_dc as f32 * self.quantization[0];
        let (quantization, mut last) = (self.quantization, 0);
        reader.ac(self.ac, &self.wanted, self.n_seen, |k, value| {
            coefficients[usize::from(ZIGZAG[k])] = value as f32 * quantization[k];
            last = k;
        })?;
        let reach = usize::from(DIAGONALS[last]);
        transforms.apply(&coefficients, reach, (self.n_x, self.n_y), &mut self.samples[at..], stride);
        Some(())
    }
}

/// The transforms of all sizes.
struct Transforms {
    one: Basis<1>,
    two: Basis<2>,
    four: Basis<4>,
    eight: Basis<8>,
}

impl Transforms {
    fn new() -> Self {
        Self { one: Basis::new(), two: Basis::new(), four: Basis::new(), eight: Basis::new() }
    }

    #[inline]
    fn apply(&self, c: &[f32; 64], reach: usize, size: (usize, usize), out: &mut [u8], stride: usize) {
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

/// Entropy-coded data without stuffed bytes, padded after each restart interval, and where the
/// intervals end; `None` unless the picture's end follows.
fn unstuffed(mut data: &[u8]) -> Option<(Vec<u8>, Vec<usize>)> {
    let mut clean = Vec::with_capacity(data.len() + 64);
    let mut ends = Vec::new();
    loop {
        let marker = memchr::memchr(0xFF, data)?;
        clean.extend_from_slice(&data[..marker]);
        match *data.get(marker + 1)? {
            0x00 => clean.push(0xFF),
            // A fill byte: the marker comes yet.
            0xFF => {
                data = &data[marker + 1..];
                continue;
            }
            code @ (0xD0..=0xD7 | EOI) => {
                ends.push(clean.len());
                clean.extend_from_slice(&[0; N_PADDING]);
                if code == EOI {
                    return Some((clean, ends));
                }
            }
            _ => return None,
        }
        data = &data[marker + 2..];
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PHOTOS: [(&str, &[u8]); 5] = [
        ("4:4:4", include_bytes!("../../tests/it/golden/reduced0.jpg")),
        ("4:2:2", include_bytes!("../../tests/it/golden/reduced1.jpg")),
        ("4:2:0", include_bytes!("../../tests/it/golden/reduced2.jpg")),
        ("gray", include_bytes!("../../tests/it/golden/reduced_gray.jpg")),
        ("restarts", include_bytes!("../../tests/it/golden/restart.jpg")),
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
