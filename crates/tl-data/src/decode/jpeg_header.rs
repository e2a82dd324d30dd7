//! What a JPEG says about itself before any pixel is decoded (ITU-T T.81, annex B).

use super::orientation::Orientation;
use crate::skip::SkipReason;

const SOI: u8 = 0xD8;
/// Marker: end of the image.
pub(crate) const EOI: u8 = 0xD9;
/// Marker: entropy-coded data follows.
pub(crate) const SOS: u8 = 0xDA;
const APP0: u8 = 0xE0;
const APP1: u8 = 0xE1;
const APP14: u8 = 0xEE;

/// The frame header, the camera's orientation, and what the rest of the file is like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct JpegHeader {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) n_components: u8,
    pub(crate) is_progressive: bool,
    pub(crate) orientation: Orientation,
    /// The end-of-image marker is there: nothing was cut off at the end.
    pub(crate) is_complete: bool,
    /// Some scan has but a part of the components.
    pub(crate) is_parted: bool,
    /// Colour is sampled finer than luma, or in thirds.
    pub(crate) is_sampled_oddly: bool,
    /// JFIF's segment says that the components are luma and colour differences.
    is_jfif: bool,
    /// Adobe's segment says that the components are colours as they are.
    is_untransformed: bool,
}

impl JpegHeader {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, SkipReason> {
        let mut header = Self::default();
        let mut segments = Segments::new(bytes);
        while let Some((marker, body)) = segments.next_segment() {
            match marker {
                // SOF0 to SOF15, without DHT, JPG and DAC, which lie between them.
                0xC0..=0xCF if !matches!(marker, 0xC4 | 0xC8 | 0xCC) => header.frame(marker, body)?,
                APP0 => header.is_jfif |= is_jfif(body),
                APP1 => header.exif(body),
                APP14 => header.is_untransformed |= body.starts_with(b"Adobe") && body.get(11) == Some(&0),
                SOS => header.is_parted |= body.first().is_some_and(|&n| n < header.n_components),
                EOI => header.is_complete = true,
                _ => {}
            }
        }
        match header.width {
            0 => Err(SkipReason::Truncated),
            _ => Ok(header),
        }
    }

    /// Whether the components are red, green and blue; of gray photos Adobe's segment says the same. Where the segments of
    /// both are there, JFIF's decides, as in libjpeg.
    pub(crate) fn is_rgb(&self) -> bool {
        self.is_untransformed && !self.is_jfif && self.n_components == 3
    }

    /// Whether Adobe's segment contradicts JFIF's.
    pub(crate) fn is_contradictory(&self) -> bool {
        self.is_untransformed && self.is_jfif
    }

    fn frame(&mut self, marker: u8, body: &[u8]) -> Result<(), SkipReason> {
        let &[precision, h1, h0, w1, w0, n_components, ref components @ ..] = body else {
            return Err(SkipReason::Truncated);
        };
        if let Some(what) = unsupported(marker, precision) {
            return Err(SkipReason::Unsupported { what: what.to_owned() });
        }
        self.is_sampled_oddly = n_components == 3 && is_sampled_oddly(components);
        self.height = u32::from(u16::from_be_bytes([h1, h0]));
        self.width = u32::from(u16::from_be_bytes([w1, w0]));
        self.n_components = n_components;
        self.is_progressive = marker == 0xC2;
        match self.width * self.height {
            0 => Err(SkipReason::Damaged { reason: "its header gives no width or no height".to_owned() }),
            _ => Ok(()),
        }
    }

    fn exif(&mut self, body: &[u8]) {
        let chunk = body.strip_prefix(b"Exif\0\0");
        if let Some(orientation) = chunk.and_then(Orientation::in_exif) {
            self.orientation = orientation;
        }
    }
}

/// Whether a segment is JFIF's.
pub(crate) fn is_jfif(body: &[u8]) -> bool {
    body.starts_with(b"JFIF\0")
}

/// What of a frame no decoder here knows.
fn unsupported(marker: u8, precision: u8) -> Option<&'static str> {
    match marker {
        0xC0..=0xC2 if precision == 8 => None,
        0xC0..=0xC2 => Some("a JPEG of more than 8 bits"),
        0xC3 | 0xC7 | 0xCB | 0xCF => Some("a lossless JPEG"),
        0xC9..=0xCE => Some("a JPEG with arithmetic coding"),
        _ => Some("a hierarchical JPEG"),
    }
}

/// Whether luma, the first component, has fewer samples than another, or a factor is not 1, 2 or 4.
fn is_sampled_oddly(components: &[u8]) -> bool {
    let factors = components.chunks_exact(3).map(|component| (component[1] >> 4, component[1] & 15));
    let luma = factors.clone().next().unwrap_or_default();
    let is_odd = |factor: u8| !matches!(factor, 1 | 2 | 4);
    factors.into_iter().any(|(h, v)| h > luma.0 || v > luma.1 || is_odd(h) || is_odd(v))
}

/// The marker segments of a file, in order, entropy-coded data passed over.
pub(crate) struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    /// The segments after the two bytes that every file starts with.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 2 }
    }

    /// What follows the last segment.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// The next marker and its body; `None` at the end of the file, or after the end-of-image marker.
    pub(crate) fn next_segment(&mut self) -> Option<(u8, &'a [u8])> {
        loop {
            let marker = self.next_marker()?;
            match marker {
                EOI => {
                    self.at = self.bytes.len();
                    return Some((EOI, &[]));
                }
                // Markers without a body: fill bytes, stuffed bytes, restarts, a second start.
                0x00 | 0x01 | 0xD0..=SOI | 0xFF => {}
                _ => return self.body().map(|body| (marker, body)),
            }
        }
    }

    /// The byte after the next 0xFF. Inside entropy-coded data a real 0xFF is followed by 0x00.
    fn next_marker(&mut self) -> Option<u8> {
        let rest = self.bytes.get(self.at..)?;
        self.at += memchr::memchr(0xFF, rest)? + 1;
        let marker = *self.bytes.get(self.at)?;
        // 0xFF 0xFF is fill: the second may start the marker.
        self.at += usize::from(marker != 0xFF);
        Some(marker)
    }

    fn body(&mut self) -> Option<&'a [u8]> {
        let length = self.bytes.get(self.at..self.at + 2)?;
        let end = self.at + usize::from(u16::from_be_bytes([length[0], length[1]])).max(2);
        let body = self.bytes.get(self.at + 2..end.min(self.bytes.len()))?;
        self.at = end;
        Some(body)
    }
}
