use std::path::Path;

use crate::{DecodeOptions, Geometry, SkipReason};

/// Reads photos into one geometry.
#[derive(Debug)]
pub struct PhotoReader {
    geometry: Geometry,
    options: DecodeOptions,
    file: Vec<u8>,
}

impl PhotoReader {
    /// A reader for one thread.
    #[must_use]
    pub fn new(geometry: Geometry, options: DecodeOptions) -> Self {
        Self {
            geometry,
            options,
            file: Vec::new(),
        }
    }

    /// The bytes of a file.
    pub fn load(&mut self, path: &Path) -> Result<&[u8], SkipReason> {
        self.file = fs_err::read(path).map_err(|e| SkipReason::unreadable(&e))?;
        Ok(&self.file)
    }

    /// Reads a photo.
    pub fn read(&mut self, path: &Path, out: &mut [u8]) -> Result<(), SkipReason> {
        self.load(path)?;
        let bytes = std::mem::take(&mut self.file);
        self.read_bytes(&bytes, out)
    }

    /// Decodes a photo.
    pub fn read_bytes(&mut self, bytes: &[u8], out: &mut [u8]) -> Result<(), SkipReason> {
        let _ = self.options;
        let photo = image::load_from_memory(bytes).map_err(|e| SkipReason::Damaged {
            reason: e.to_string(),
        })?;
        let side = self.geometry.side;
        let small = photo
            .resize_exact(side, side, image::imageops::FilterType::Triangle)
            .to_rgb8();
        out.copy_from_slice(small.as_raw());
        Ok(())
    }
}
