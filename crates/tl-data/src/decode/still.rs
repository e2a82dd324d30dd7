//! Every format but JPEG, through the `image` crate: the first frame, RGB, alpha over white.

use std::io::{Cursor, ErrorKind};

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits as ImageLimits, RgbaImage,
    error::LimitErrorKind,
};

use super::{orientation::Orientation, picture::Picture};
use crate::{limits::DecodeOptions, skip::SkipReason, sniff::Format};

/// Brightness from which on floats are no part of white, which is 1: those of 0 to 255 would be all white.
const MAX_FLOAT: f32 = 10.0;

/// Decodes the first frame into `picture`, at full size.
pub(crate) fn decode(
    bytes: &[u8],
    format: Format,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<(), SkipReason> {
    let limit = options.limits.max_memory_bytes;
    let reason = |error: ImageError| match format {
        Format::WebP if lacks_its_end(bytes) => SkipReason::Truncated,
        _ => reason(&error, limit),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    reader.limits(image_limits(limit));
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    options.limits.check(width, height, bytes_per_pixel(decoder.color_type()))?;

    let orientation = match format {
        Format::Png => png_exif(bytes).and_then(Orientation::in_exif).unwrap_or_default(),
        _ => Orientation::from_exif(decoder.orientation().map_or(1, image::metadata::Orientation::to_exif)),
    };
    decoder.set_limits(image_limits(limit)).map_err(reason)?;
    let frame = DynamicImage::from_decoder(decoder).map_err(reason)?;
    check_floats(&frame)?;
    // 16 bits are scaled and rounded by `image`, not cut.
    match frame.color().has_alpha() {
        true => over_white(&frame.into_rgba8(), picture.reset((width, height), 3)),
        false => picture.take((width, height), 3, frame.into_rgb8().into_raw()),
    }
    picture.orientation = orientation;
    Ok(())
}

/// The EXIF chunk of a PNG, which may lie behind the pixels, and may begin as in a JPEG.
fn png_exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(8..)?;
    loop {
        let (length, kind) = rest.split_first_chunk::<4>()?;
        let (kind, body) = kind.split_first_chunk::<4>()?;
        let (body, end) = body.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        if kind == b"eXIf" {
            return Some(body.strip_prefix(b"Exif\0\0").unwrap_or(body));
        }
        // Behind the checksum.
        rest = end.get(4..)?;
    }
}

/// Working memory: the decoder's own pixels, the RGB made of them, and between the two the bytes of what has alpha.
fn bytes_per_pixel(color: ColorType) -> u64 {
    let between = if color.has_alpha() && color != ColorType::Rgba8 { 4 } else { 0 };
    u64::from(color.bytes_per_pixel()) + between + 3
}

/// `image` takes a TIFF's whole numbers of 32 bits for floats, which then are of any size, or none.
fn check_floats(frame: &DynamicImage) -> Result<(), SkipReason> {
    let values: &[f32] = match frame {
        DynamicImage::ImageRgb32F(frame) => frame.as_raw(),
        DynamicImage::ImageRgba32F(frame) => frame.as_raw(),
        _ => return Ok(()),
    };
    // Small whole numbers look like floats next to zero, and would be all black.
    let is_fine = |value: &f32| value.abs() < MAX_FLOAT && !value.is_subnormal();
    match values.iter().all(is_fine) {
        true => Ok(()),
        false => Err(SkipReason::Unsupported { what: "numbers of 32 bits that are no floats from 0 to 1".to_owned() }),
    }
}

/// Transparent pixels before a white page, rounded.
fn over_white(rgba: &RgbaImage, rgb: &mut [u8]) {
    let blend = |value: u8, alpha: u8| {
        let (value, alpha) = (u32::from(value), u32::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    for (to, from) in rgb.chunks_exact_mut(3).zip(rgba.chunks_exact(4)) {
        to.iter_mut().zip(from).for_each(|(to, &value)| *to = blend(value, from[3]));
    }
}

fn image_format(format: Format) -> ImageFormat {
    match format {
        Format::Jpeg => ImageFormat::Jpeg,
        Format::Png => ImageFormat::Png,
        Format::Gif => ImageFormat::Gif,
        Format::WebP => ImageFormat::WebP,
        Format::Bmp => ImageFormat::Bmp,
        Format::Tiff => ImageFormat::Tiff,
        Format::Ico => ImageFormat::Ico,
    }
}

/// `image` has no limit on pixels, so that is checked apart.
fn image_limits(max_memory_bytes: u64) -> ImageLimits {
    let mut limits = ImageLimits::no_limits();
    limits.max_alloc = Some(max_memory_bytes);
    limits
}

fn reason(error: &ImageError, limit: u64) -> SkipReason {
    match error {
        // It is not among its own sources.
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => SkipReason::Truncated,
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            SkipReason::TooMuchMemory { limit }
        }
        ImageError::Unsupported(error) => SkipReason::Unsupported { what: error.to_string() },
        _ if is_early_end(error) => SkipReason::Truncated,
        _ => SkipReason::Damaged { reason: error.to_string() },
    }
}

/// Whether a WebP is shorter than it says: its decoder calls that by many names.
fn lacks_its_end(bytes: &[u8]) -> bool {
    let length = bytes.get(4..8).and_then(|length| length.try_into().ok()).map_or(0, u32::from_le_bytes);
    bytes.len() < length as usize
}

/// Whether any of the causes is that the file ended too soon.
fn is_early_end(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_io = error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::UnexpectedEof);
    // What the decoder of GIFs says, whose errors cannot be named here.
    of_io || error.to_string() == "Unexpected End of File" || error.source().is_some_and(is_early_end)
}
