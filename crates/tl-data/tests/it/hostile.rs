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
        ("itself.jpg", "unreadable"),
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

/// The checksum of PNG chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
