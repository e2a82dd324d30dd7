//! Every format but JPEG, through the `image` crate: the first frame, RGB, alpha over white.

use std::io::{Cursor, ErrorKind};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits as ImageLimits, error::LimitErrorKind,
};

use super::{orientation::Orientation, picture::Picture};
use crate::{limits::DecodeOptions, skip::SkipReason, sniff::Format};

/// Decodes the first frame into `picture`, at full size.
pub(crate) fn decode(
    bytes: &[u8],
    format: Format,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<(), SkipReason> {
    let limit = options.limits.max_memory_bytes;
    let reason = |error: ImageError| reason(&error, limit);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), image_format(format));
    reader.limits(image_limits(limit));
    let mut decoder = reader.into_decoder().map_err(reason)?;
    let (width, height) = decoder.dimensions();
    // The decoder's own pixels and the RGB made of them.
    let bytes_per_pixel = u64::from(decoder.color_type().bytes_per_pixel()) + 3;
    options.limits.check(width, height, bytes_per_pixel)?;

    let orientation = decoder.orientation().map_or(1, image::metadata::Orientation::to_exif);
    decoder.set_limits(image_limits(limit)).map_err(reason)?;
    let frame = DynamicImage::from_decoder(decoder).map_err(reason)?;
    let pixels = picture.reset((width, height), 3);
    pixels.copy_from_slice(&rgb_over_white(frame));
    picture.orientation = Orientation::from_exif(orientation);
    Ok(())
}

/// Any colour type to RGB bytes. 16 bits are scaled and rounded by `image`, not cut.
fn rgb_over_white(frame: DynamicImage) -> Vec<u8> {
    if !frame.color().has_alpha() {
        return frame.into_rgb8().into_raw();
    }
    let rgba = frame.into_rgba8().into_raw();
    rgba.chunks_exact(4).flat_map(|pixel| [0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3]))).collect()
}

/// A transparent pixel before a white page, rounded.
fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
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
        ImageError::Limits(error) if error.kind() == LimitErrorKind::InsufficientMemory => {
            SkipReason::TooMuchMemory { limit }
        }
        ImageError::Unsupported(error) => SkipReason::Unsupported { what: error.to_string() },
        _ if is_early_end(error) => SkipReason::Truncated,
        _ => SkipReason::Damaged { reason: error.to_string() },
    }
}

/// Whether any of the causes is that the file ended too soon.
fn is_early_end(error: &(dyn std::error::Error + 'static)) -> bool {
    let of_io = error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == ErrorKind::UnexpectedEof);
    of_io || error.source().is_some_and(is_early_end)
}
