//! Image formats by their first bytes: a name proves nothing.

use crate::skip::SkipReason;

/// Bytes of a file that are enough to tell its format.
pub(crate) const N_HEAD_BYTES: usize = 32;

/// A format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jpeg,
    Png,
    Gif,
    WebP,
    Bmp,
    Tiff,
    Ico,
}

impl Format {
    /// As people write it.
    #[cfg(feature = "decode")]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Gif => "GIF",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Ico => "ICO",
        }
    }

    /// The format of a file that starts with `head`.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xFF, 0xD8, 0xFF, ..] => Some(Self::Jpeg),
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n', ..] => Some(Self::Png),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(Self::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Self::WebP),
            [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => Some(Self::Tiff),
            // Two letters alone would take any text that starts with BM: the four reserved bytes are zero.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Some(Self::Bmp),
            // At least one picture, and the entry's reserved byte is zero.
            [0, 0, 1, 0, n, 0, _, _, _, 0, ..] if *n > 0 => Some(Self::Ico),
            _ => None,
        }
    }
}

/// What a file that starts with `head` is when no format is known: phones write some that others read.
pub(crate) fn unknown(head: &[u8]) -> SkipReason {
    let what = match head {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => match brand.get(..4) {
            Some(b"avif" | b"avis") => "AVIF",
            Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1") => "HEIC",
            _ => return SkipReason::NotAnImage,
        },
        [0xFF, 0x0A, ..] | [0, 0, 0, 0x0C, b'J', b'X', b'L', b' ', ..] => "JPEG XL",
        _ => return SkipReason::NotAnImage,
    };
    SkipReason::Unsupported { what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_no_image() {
        for text in ["", "B", "BM", "BM of the year", "RIFF....WAVE", "GIF8", "<svg/>", "II of hearts"] {
            assert_eq!(Format::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn photos_that_nothing_here_decodes_are_named() {
        let of = |head: &[u8]| unknown(head).to_string();
        assert!(of(b"\0\0\0\x18ftypheic\0\0").contains("HEIC"));
        assert!(of(b"\0\0\0\x1cftypavif").contains("AVIF"));
        assert!(of(b"\xFF\x0A\xFA").contains("JPEG XL"));
        for other in [&b"\0\0\0\x18ftypisom"[..], b"\0\0\0\x18ftyp", b"text"] {
            assert_eq!(unknown(other), SkipReason::NotAnImage);
        }
    }

    #[test]
    fn magic_bytes_are_known() {
        assert_eq!(Format::of(b"\xFF\xD8\xFF\xE0"), Some(Format::Jpeg));
        assert_eq!(Format::of(b"RIFF\x01\x02\x03\x04WEBPVP8 "), Some(Format::WebP));
        assert_eq!(Format::of(b"MM\0*\0\0\0\x08"), Some(Format::Tiff));
    }
}
