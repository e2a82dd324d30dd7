//! What real folders hold: none of it may hang, panic or take the memory.

use tl_data::{DecodeOptions, Geometry, Limits, PhotoReader, ScanOptions, SkipReason, find_photos, scan};

use crate::tree::{Tree, photo};

fn read(bytes: &[u8], options: DecodeOptions) -> Result<Vec<u8>, SkipReason> {
    let geometry = Geometry::squash(32);
    let mut out = vec![0; geometry.n_bytes()];
    PhotoReader::new(geometry, options).read_bytes(bytes, &mut out).map(|()| out)
}

fn kind(bytes: &[u8]) -> &'static str {
    read(bytes, DecodeOptions::default()).map_or_else(|reason| reason.kind(), |_| "fine")
}

#[test]
fn a_truncated_jpeg_is_skipped_or_partly_used() {
    for name in ["baseline420.jpg", "progressive.jpg", "gray.jpg", "cmyk.jpg", "reduced2.jpg"] {
        let whole = photo(name);
        let partial = DecodeOptions { partial: true, ..DecodeOptions::default() };
        let half = &whole[..whole.len() / 2];
        assert_eq!(kind(half), "truncated", "{name}");
        let (used, all) = (read(half, partial).unwrap(), read(&whole, partial).unwrap());
        // The first rows are there.
        let difference: u32 = used[..96 * 4].iter().zip(&all).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
        assert!(difference / (96 * 4) < 40, "{name}: {difference}");
    }
}

#[test]
fn a_jpeg_that_lacks_its_end_marker_alone_is_whole() {
    let whole = photo("baseline444.jpg");
    assert_eq!(kind(&whole[..whole.len() - 2]), "fine");
}

#[test]
fn every_cut_of_every_format_ends_in_a_reason() {
    for name in ["progressive.jpg", "palette_alpha.png", "photo.gif", "lossless_alpha.webp", "photo.bmp", "photo.tiff"]
    {
        let whole = photo(name);
        for length in (0..whole.len()).step_by(whole.len() / 40) {
            let _ = read(&whole[..length], DecodeOptions::default());
            let partial = DecodeOptions { partial: true, ..DecodeOptions::default() };
            let _ = read(&whole[..length], partial);
        }
    }
}

#[test]
fn changed_bytes_end_in_a_picture_or_a_reason() {
    // A fixed stream of changes (Numerical Recipes' generator): the same on every run.
    let mut state = 1_u32;
    let mut next = |n: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize % n
    };
    let partial = DecodeOptions { partial: true, ..DecodeOptions::default() };
    for name in [
        "reduced2.jpg",
        "orientation6.jpg",
        "progressive.jpg",
        "cmyk.jpg",
        "alpha.png",
        "photo.gif",
        "photo.webp",
        "photo.tiff",
    ] {
        let whole = photo(name);
        for _ in 0..40 {
            let mut changed = whole.clone();
            for _ in 0..=next(8) {
                let at = if next(2) == 0 { next(whole.len().min(700)) } else { next(whole.len()) };
                changed[at] = next(256) as u8;
            }
            let result = read(&changed, partial);
            // The net under other people's decoders is there, and not needed.
            assert!(!format!("{result:?}").contains("gave up"), "{name}");
        }
    }
}

#[test]
fn huge_headers_cost_nothing() {
    // A JPEG that claims 65535x65535.
    let mut jpeg = photo("baseline420.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xFF);
    assert_eq!(kind(&jpeg), "too many pixels");

    // A PNG that claims 30000x30000; the header's checksum has to be right.
    let mut png = photo("rgb8.png");
    png[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    let crc = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&crc);
    assert_eq!(kind(&png), "too many pixels");
}

#[test]
fn limits_are_kept() {
    let limited = |limits: Limits| read(&photo("reduced2.jpg"), DecodeOptions { limits, partial: false });
    let few = Limits { max_pixels: 1000, ..Limits::default() };
    assert!(matches!(limited(few), Err(SkipReason::TooManyPixels { width: 560, height: 410, limit: 1000 })));
    let little = Limits { max_memory_bytes: 1000, ..Limits::default() };
    assert!(matches!(limited(little), Err(SkipReason::TooMuchMemory { limit: 1000 })));

    let tree = Tree::of(&["a.jpg"]);
    let limits = Limits { max_file_bytes: 10, ..Limits::default() };
    let mut reader = PhotoReader::new(Geometry::squash(8), DecodeOptions { limits, partial: false });
    assert!(matches!(reader.load(&tree.path("a.jpg")), Err(SkipReason::TooManyBytes { limit: 10, .. })));
}

#[test]
fn content_decides_not_the_name() {
    assert_eq!(kind(b""), "empty");
    assert_eq!(kind(b"<html>not found</html>"), "not an image");
    assert_eq!(kind(&[0xFF, 0xD8, 0xFF]), "truncated");
}

#[test]
fn a_wrong_buffer_is_refused() {
    let mut reader = PhotoReader::new(Geometry::squash(8), DecodeOptions::default());
    let result = reader.read_bytes(&photo("rgb8.png"), &mut [0; 7]);
    assert_eq!(result, Err(SkipReason::Buffer { expected: 192, found: 7 }));
}

#[cfg(unix)]
#[test]
fn a_hostile_tree_gives_its_good_photos() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt, os::unix::fs::symlink, os::unix::net::UnixListener};

    let tree = Tree::of(&["a/good.jpg", "a/line\nbreak.jpg", "b/good.jpg", "b/folder.jpg/inside.jpg"]);
    let bad_name = tree.path("a").join(OsStr::from_bytes(b"not\xFFutf8.jpg"));
    fs_err::write(bad_name, photo("rgb8.png")).unwrap();
    let status = std::process::Command::new("mkfifo").arg(tree.path("a/pipe.jpg")).status().unwrap();
    assert!(status.success());
    let _socket = UnixListener::bind(tree.path("a/socket.jpg")).unwrap();
    symlink("/dev/zero", tree.path("a/device.jpg")).unwrap();
    symlink(tree.path("a"), tree.path("a/loop")).unwrap();
    symlink(tree.path("a/itself.jpg"), tree.path("a/itself.jpg")).unwrap();
    symlink(tree.path("nowhere"), tree.path("b/broken.jpg")).unwrap();
    symlink(tree.path("a/good.jpg"), tree.path("b/linked.jpg")).unwrap();

    let folder = scan(tree.root(), &ScanOptions::default()).unwrap();
    assert_eq!(folder.counts(&folder.train), [3, 2]);
    let reasons: Vec<_> = folder.skipped.iter().map(|s| (s.path.file_name().unwrap(), s.reason.kind())).collect();
    let expected = [
        ("device.jpg", "not a file"),
        ("itself.jpg", "link loop"),
        ("loop", "link loop"),
        ("pipe.jpg", "not a file"),
        ("socket.jpg", "not a file"),
        ("broken.jpg", "not a file"),
        ("folder.jpg", "not a file"),
    ];
    assert_eq!(reasons, expected.map(|(name, kind)| (OsStr::new(name), kind)));

    let (photos, skipped) = find_photos(&[tree.root().to_owned(), tree.path("a/pipe.jpg")]).unwrap();
    assert_eq!((photos.len(), skipped.len()), (5, 8));
    let mut reader = PhotoReader::new(Geometry::squash(32), DecodeOptions::default());
    let mut out = vec![0; 32 * 32 * 3];
    for path in &photos {
        reader.read(path, &mut out).unwrap();
    }
    assert_eq!(reader.read(&tree.path("a/pipe.jpg"), &mut out).unwrap_err().kind(), "not a file");
}

#[test]
fn pictures_without_width_or_height_are_damaged() {
    // A logical screen of 0x0 with a frame of 1x1.
    let gif = b"GIF89a\0\0\0\0\x80\0\0\0\0\0\xFF\xFF\xFF,\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0;";
    assert_eq!(kind(gif), "damaged");
}

/// Resampling holds all columns at the height of the square.
#[test]
fn a_picture_of_one_long_row_takes_no_more_memory_than_allowed() {
    let (mut png, mut row) = (Vec::new(), vec![0; 3 << 20]);
    row[7] = 255;
    let kind_of_image = image::ExtendedColorType::L8;
    let encoder = image::codecs::png::PngEncoder::new(&mut png);
    image::ImageEncoder::write_image(encoder, &row, 3 << 20, 1, kind_of_image).unwrap();
    let geometry = Geometry::squash(224);
    let mut out = vec![0; geometry.n_bytes()];
    let refused = PhotoReader::new(geometry, DecodeOptions::default()).read_bytes(&png, &mut out);
    assert!(matches!(refused, Err(SkipReason::TooMuchMemory { .. })), "{refused:?}");
}

/// A JPEG whose frame has other first bytes: marker and precision.
fn with_frame(marker: u8, precision: u8) -> Vec<u8> {
    let mut jpeg = photo("baseline420.jpg");
    let frame = jpeg.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    (jpeg[frame + 1], jpeg[frame + 4]) = (marker, precision);
    jpeg
}

#[test]
fn jpegs_that_nothing_here_decodes_are_to_be_converted() {
    for (marker, precision) in [(0xC9, 8), (0xCA, 8), (0xC3, 8), (0xC5, 8), (0xC1, 12)] {
        assert_eq!(kind(&with_frame(marker, precision)), "unsupported", "{marker:x} {precision}");
    }
}

/// Where JFIF's and Adobe's segments say different things of the colours, JFIF's is right, as in libjpeg.
#[test]
fn the_segment_of_jfif_decides_about_colours() {
    for name in ["baseline444.jpg", "reduced0.jpg"] {
        let whole = photo(name);
        let adobe = [&whole[..20], b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0", &whole[20..]].concat();
        let (plain, both) = (read(&whole, DecodeOptions::default()), read(&adobe, DecodeOptions::default()));
        let differences = plain.unwrap().into_iter().zip(both.unwrap()).map(|(a, b)| u64::from(a.abs_diff(b)));
        assert!(differences.sum::<u64>() < 32 * 32 * 3, "{name}");
    }
}

#[test]
fn files_that_end_too_soon_are_truncated_in_every_format() {
    for name in ["rgb8.png", "photo.gif", "photo.webp", "lossless_alpha.webp", "photo.bmp", "photo.tiff"] {
        let whole = photo(name);
        assert_eq!(kind(&whole[..whole.len() / 2]), "truncated", "{name}");
    }
}

/// A TIFF of two RGB pixels of 32 bits, floats (3) or whole numbers (1) as its last tag says.
fn tiff_of_32_bits(sample_format: u16, values: [u32; 6]) -> Vec<u8> {
    let mut bytes = b"II*\0\x30\0\0\0".to_vec();
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    // What the tags for bits and format point to.
    for word in [32, 32, 32, 0, sample_format, sample_format, sample_format, 0] {
        bytes.extend(u16::to_le_bytes(word));
    }
    // Width, height, bits, compression, colours, place of the pixels, samples, rows, bytes, format.
    let tags = [(256, 2), (257, 1), (258, 32), (259, 1), (262, 2), (273, 8), (277, 3), (278, 1), (279, 24), (339, 40)];
    bytes.extend([10, 0]);
    for (tag, value) in tags {
        let (kind, count) = if matches!(tag, 258 | 339) { (3, 3) } else { (4, 1) };
        bytes.extend([tag, kind].into_iter().flat_map(u16::to_le_bytes));
        bytes.extend([count, value].into_iter().flat_map(u32::to_le_bytes));
    }
    bytes.extend([0; 4]);
    bytes
}

#[test]
fn numbers_of_32_bits_are_floats_from_0_to_1() {
    let floats = |values: [f32; 6]| kind(&tiff_of_32_bits(3, values.map(f32::to_bits)));
    assert_eq!(floats([0.0, 0.5, 1.0, 1.3, 0.1, 0.2]), "fine");
    assert_eq!(floats([0.0, 20.0, 255.0, 30.0, 1.0, 2.0]), "unsupported");
    assert_eq!(kind(&tiff_of_32_bits(1, [0, 20, 255, 30, 1, 2])), "unsupported");
}

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// A PNG with a chunk of EXIF before the one that is `before`.
fn with_exif(png: &[u8], before: [u8; 4], body: &[u8]) -> Vec<u8> {
    let at = png.windows(4).position(|word| word == &before[..]).unwrap() - 4;
    let content = [b"eXIf", body].concat();
    let (length, sum) = ((body.len() as u32).to_be_bytes(), crc32(&content).to_be_bytes());
    [&png[..at], &length, &content, &sum, &png[at..]].concat()
}

#[test]
fn turns_are_found_wherever_they_are_written() {
    // Orientation 6 as a number of 16 and of 32 bits.
    let short = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let long = b"II*\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    let size = |bytes: &[u8]| {
        let mut reader = PhotoReader::new(Geometry::squash(8), DecodeOptions::default());
        reader.read_bytes(bytes, &mut [0; 192]).unwrap();
        (reader.format(), reader.full_size())
    };
    let png = photo("rgb8.png");
    let (width, height) = size(&png).1;
    for (before, chunk) in
        [(*b"IDAT", &short[..]), (*b"IEND", &long[..]), (*b"IDAT", &[b"Exif\0\0", &short[..]].concat())]
    {
        assert_eq!(size(&with_exif(&png, before, chunk)), ("PNG", (height, width)));
    }
    let jpeg = photo("reduced2.jpg");
    let segment = [b"\xFF\xE1\0\x22Exif\0\0", &long[..]].concat();
    assert_eq!(size(&[&jpeg[..2], &segment, &jpeg[2..]].concat()), ("JPEG", (410, 560)));
}
