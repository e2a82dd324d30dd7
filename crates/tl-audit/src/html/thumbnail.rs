//! Small pictures inside the page.

use std::path::Path;

use base64::{Engine, prelude::BASE64_STANDARD};
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use tl_data::{DecodeOptions, Geometry, PhotoReader};

use crate::photo::Photo;

/// Side of the stored square, in pixels; the page stretches it to the photo's own shape.
const SIDE: u32 = 160;

/// Quality of the stored JPEG, 1 to 100: enough to see what is meant.
const QUALITY: u8 = 70;

/// Smallest side on the page, in pixels, for photos that are all length.
const MIN_SHOWN: u32 = 8;

/// Makes small pictures, one after the other in the same buffers.
pub(super) struct Thumbnails {
    reader: PhotoReader,
    rgb: Vec<u8>,
}

impl Thumbnails {
    pub(super) fn new() -> Self {
        let geometry = Geometry::squash(SIDE);
        // A photo that was accepted in part is shown in part.
        let options = DecodeOptions { partial: true, ..DecodeOptions::default() };
        Self { reader: PhotoReader::new(geometry, options), rgb: vec![0; geometry.n_bytes()] }
    }

    /// The photo as a `data:` address, if it can still be read.
    pub(super) fn data_uri(&mut self, path: &Path) -> Option<String> {
        self.reader.read(path, &mut self.rgb).ok()?;
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, QUALITY);
        encoder.encode(&self.rgb, SIDE, SIDE, ExtendedColorType::Rgb8).ok()?;
        Some(format!("data:image/jpeg;base64,{}", BASE64_STANDARD.encode(jpeg)))
    }
}

/// Width and height on the page: the longer side is [`SIDE`].
pub(super) fn shown_size(photo: &Photo) -> (u32, u32) {
    let long = u64::from(photo.width.max(photo.height).max(1));
    let scaled = |side: u32| ((u64::from(side) * u64::from(SIDE) / long) as u32).max(MIN_SHOWN);
    (scaled(photo.width), scaled(photo.height))
}
