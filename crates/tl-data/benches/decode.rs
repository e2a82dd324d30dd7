//! What a photo costs: `cargo bench -p tl-data --bench decode`.
//!
//! Uses the photos in `data/samples`; what is not there is not measured.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
};

use divan::{Bencher, counter::ItemsCount};
use image::{ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder, imageops::FilterType};
use tl_data::{DecodeOptions, Geometry, PhotoReader, find_photos};

fn main() {
    divan::main();
}

const GEOMETRIES: [(&str, Geometry); 2] =
    [("squash 224", Geometry::squash(224)), ("256, crop 224", Geometry::crop(256, 224))];

/// One pass over a folder of photos in one thread; the time is that of all photos, the items are photos.
fn pass(bencher: Bencher, folder: &str, geometry: Geometry) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let Ok((photos, _)) = find_photos(&[root]) else { return };
    let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
    let mut out = vec![0; geometry.n_bytes()];
    bencher.counter(ItemsCount::new(photos.len())).bench_local(|| read_all(&mut reader, &photos, &mut out));
}

fn read_all(reader: &mut PhotoReader, photos: &[PathBuf], out: &mut [u8]) {
    for path in photos {
        let _ = divan::black_box(reader.read(path, out));
    }
}

/// About 512x384.
#[divan::bench(args = GEOMETRIES.map(|(name, _)| name), sample_count = 5, sample_size = 1)]
fn pizza_steak_sushi(bencher: Bencher, geometry: &str) {
    pass(bencher, "../../data/samples/pizza_steak_sushi/test", named(geometry));
}

/// About 320x240.
#[divan::bench(args = GEOMETRIES.map(|(name, _)| name), sample_count = 5, sample_size = 1)]
fn dogs_cats(bencher: Bencher, geometry: &str) {
    pass(bencher, "../../data/samples/dogs_cats/test", named(geometry));
}

/// An uncompressed picture of 500x375: next to nothing but the resizing.
#[divan::bench(args = GEOMETRIES.map(|(name, _)| name), sample_count = 50)]
fn resize(bencher: Bencher, geometry: &str) {
    let mut photo = Vec::new();
    let picture = RgbImage::from_fn(500, 375, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
    if picture.write_to(&mut Cursor::new(&mut photo), ImageFormat::Bmp).is_err() {
        return;
    }
    let mut reader = PhotoReader::new(named(geometry), DecodeOptions::default());
    let mut out = vec![0; named(geometry).n_bytes()];
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| reader.read_bytes(&photo, &mut out));
}

/// 12 megapixels, at quality 92: twelve photos side by side, each enlarged to 1000x1000.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn twelve_megapixels(bencher: Bencher) {
    let Some(photo) = large_photo() else { return };
    let mut reader = PhotoReader::new(GEOMETRIES[0].1, DecodeOptions::default());
    let mut out = vec![0; GEOMETRIES[0].1.n_bytes()];
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| reader.read_bytes(&photo, &mut out));
}

fn large_photo() -> Option<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples/pizza_steak_sushi/test");
    let (photos, _) = find_photos(&[root]).ok()?;
    let mut large = RgbImage::new(4000, 3000);
    for (i, path) in photos.iter().take(12).enumerate() {
        let tile = image::open(path).ok()?.resize_exact(1000, 1000, FilterType::CatmullRom).to_rgb8();
        image::imageops::replace(&mut large, &tile, (i % 4) as i64 * 1000, (i / 4) as i64 * 1000);
    }
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 92).encode_image(&large).ok()?;
    Some(bytes)
}

fn named(name: &str) -> Geometry {
    GEOMETRIES.iter().find(|(known, _)| *known == name).map_or(GEOMETRIES[0].1, |(_, geometry)| *geometry)
}
