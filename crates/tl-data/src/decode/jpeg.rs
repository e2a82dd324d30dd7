//! JPEG to pixels: zune-jpeg at full size, our own or jpeg-decoder when a reduced size is enough.

use zune_core::{bytestream::ZCursor, colorspace::ColorSpace, options::DecoderOptions};
use zune_jpeg::JpegDecoder;

use super::{
    jpeg_header::JpegHeader,
    picture::Picture,
    reduced::{self, Planes},
};
use crate::{limits::DecodeOptions, skip::SkipReason};

/// Working memory of the decoders per pixel beside the pixels, for the limits.
/// A progressive photo keeps two bytes for each coefficient until its last scan.
const PROGRESSIVE_BYTES: u64 = 2;

/// Scans that a progressive photo may have; encoders make about ten, attackers thousands.
pub(super) const MAX_SCANS: usize = 100;

/// Decodes into `picture`, reduced by 2, 4 or 8 when both sides stay at least `short_side`.
pub(crate) fn decode(
    bytes: &[u8],
    short_side: u32,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<(), SkipReason> {
    let header = JpegHeader::parse(bytes)?;
    let divisor = divisor(&header, short_side);
    if divisor > 1 && decode_reduced(bytes, &header, divisor, options, picture)? {
        return Ok(());
    }
    if is_for_the_general(&header) && decode_generally(bytes, &header, options, picture)? {
        return Ok(());
    }
    if header.is_sampled_oddly {
        return Err(match header.is_complete {
            true => SkipReason::Unsupported { what: "a JPEG whose colours are sampled in a rare way".to_owned() },
            false => SkipReason::Truncated,
        });
    }
    decode_full(bytes, &header, options, picture)
}

/// The strongest reduction that leaves enough pixels.
fn divisor(header: &JpegHeader, short_side: u32) -> u32 {
    let shortest = header.width.min(header.height);
    // Four components (CMYK) are rare, as is RGB inside, and only the full decoder knows their colours.
    // A truncated file goes there as well: it tells what is missing, and keeps the rest.
    if !matches!(header.n_components, 1 | 3) || !header.is_complete || header.is_rgb() {
        return 1;
    }
    [8, 4, 2].into_iter().find(|divisor| shortest / divisor >= short_side).unwrap_or(1)
}

/// Whether zune-jpeg would get the photo wrong. Of a baseline photo that comes component by component it mixes up rows
/// where chroma has fewer, chroma that is finer than luma becomes stripes, and it believes Adobe's segment against JFIF's.
fn is_for_the_general(header: &JpegHeader) -> bool {
    let is_wrong = header.is_parted && !header.is_progressive || header.is_sampled_oddly || header.is_contradictory();
    is_wrong && header.n_components == 3 && header.is_complete && !header.is_rgb()
}

/// At full size. Says false when that decoder cannot.
fn decode_generally(
    bytes: &[u8],
    header: &JpegHeader,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<bool, SkipReason> {
    let size = (header.width, header.height);
    // The pixels, and the planes they are made of.
    let planes = if header.is_progressive { PROGRESSIVE_BYTES * u64::from(header.n_components) } else { 0 };
    options.limits.check(size.0, size.1, 6 + planes)?;
    let is_done = general(bytes, size, 3, options, picture).is_some();
    picture.orientation = header.orientation;
    Ok(is_done)
}

fn decode_full(
    bytes: &[u8],
    header: &JpegHeader,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<(), SkipReason> {
    let n_channels = if header.n_components == 1 { 1 } else { 3 };
    let planes = if header.is_progressive { PROGRESSIVE_BYTES * u64::from(header.n_components) } else { 0 };
    options.limits.check(header.width, header.height, n_channels as u64 + planes)?;

    // With its end in place a file may break small rules; without it, every missing pixel has to be noticed.
    let is_strict = !header.is_complete && !options.partial;
    let settings = DecoderOptions::new_fast()
        .set_strict_mode(is_strict)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(MAX_SCANS)
        .jpeg_set_out_colorspace(if n_channels == 1 { ColorSpace::Luma } else { ColorSpace::RGB });
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), settings);
    let pixels = picture.reset((header.width, header.height), n_channels);
    decoder.decode_into(pixels).map_err(|error| {
        if header.is_complete { SkipReason::Damaged { reason: error.to_string() } } else { SkipReason::Truncated }
    })?;
    picture.orientation = header.orientation;
    Ok(())
}

/// Scales inside the inverse cosine transform. Says false when this decoder cannot, but the other may.
fn decode_reduced(
    bytes: &[u8],
    header: &JpegHeader,
    divisor: u32,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Result<bool, SkipReason> {
    let (width, height) = (header.width.div_ceil(divisor), header.height.div_ceil(divisor));
    let n_channels = usize::from(header.n_components);
    let planes = if header.is_progressive { PROGRESSIVE_BYTES * u64::from(header.n_components) } else { 0 };
    options.limits.check(header.width, header.height, planes)?;
    // Planes, and the pixels made of them.
    let reduced = u64::from(width) * u64::from(height) * n_channels as u64 * 2;
    options.limits.check_memory(reduced)?;

    match reduced::decode(bytes, divisor) {
        Some(planes) => interleave(&planes, picture.reset((width, height), n_channels), width as usize),
        None if general(bytes, (width, height), n_channels, options, picture).is_none() => return Ok(false),
        None => {}
    }
    (picture.full, picture.divisor) = ((header.width, header.height), divisor);
    picture.orientation = header.orientation;
    Ok(true)
}

/// The same, or at full size, by a decoder that knows every kind of JPEG and takes longer.
fn general(
    bytes: &[u8],
    (width, height): (u32, u32),
    n_channels: usize,
    options: &DecodeOptions,
    picture: &mut Picture,
) -> Option<()> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_max_decoding_buffer_size(usize::try_from(options.limits.max_memory_bytes).unwrap_or(usize::MAX));
    let size = (width as u16, height as u16);
    decoder.scale(size.0, size.1).ok().filter(|found| *found == size)?;
    let pixels =
        decoder.decode().ok().filter(|pixels| pixels.len() == width as usize * height as usize * n_channels)?;
    picture.take((width, height), n_channels, pixels);
    Some(())
}

/// Planes to pixels: gray as it is, luma and colour differences to RGB (JFIF 1.02).
fn interleave(planes: &Planes, pixels: &mut [u8], width: usize) {
    let rows = |plane: usize| planes.planes[plane].chunks_exact(planes.stride);
    if planes.planes.len() < 3 {
        pixels.chunks_exact_mut(width).zip(rows(0)).for_each(|(out, row)| out.copy_from_slice(&row[..width]));
        return;
    }
    for (((out, luma), blue), red) in pixels.chunks_exact_mut(width * 3).zip(rows(0)).zip(rows(1)).zip(rows(2)) {
        for (((pixel, luma), blue), red) in out.chunks_exact_mut(3).zip(luma).zip(blue).zip(red) {
            // Factors times 65536, and a half to round.
            let luma = (i32::from(*luma) << 16) + (1 << 15);
            let (blue, red) = (i32::from(*blue) - 128, i32::from(*red) - 128);
            let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
            pixel[0] = byte(luma + 91_881 * red);
            pixel[1] = byte(luma - 22_554 * blue - 46_802 * red);
            pixel[2] = byte(luma + 116_130 * blue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Adobe's segment says of gray photos and of RGB alike that nothing was transformed.
    #[test]
    fn rgb_alone_is_left_to_the_full_decoder() {
        let divisor = |bytes: &[u8]| divisor(&JpegHeader::parse(bytes).unwrap(), 100);
        assert_eq!(divisor(include_bytes!("../../tests/it/golden/reduced_rgb.jpg")), 1);
        let gray = include_bytes!("../../tests/it/golden/reduced_gray.jpg");
        let adobe = [&gray[..2], b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0", &gray[2..]].concat();
        assert_eq!((divisor(gray), divisor(&adobe)), (4, 4));
    }
}
