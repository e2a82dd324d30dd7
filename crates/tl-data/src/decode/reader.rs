use std::{
    fmt,
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use super::{jpeg, picture::Picture, still, view::Viewer};
use crate::{
    augment::{Augment, View},
    geometry::Geometry,
    limits::DecodeOptions,
    skip::SkipReason,
    sniff::{Format, unknown},
    walk::{metadata, not_a_file},
};

/// Reads photos into one [`Geometry`], again and again into the same buffers: one reader per worker thread.
///
/// Any format known here is told by its content.
/// EXIF orientation is applied, every colour type becomes RGB, alpha lies over white, 16 bits are scaled to 8,
/// and of several frames the first is taken.
/// Resampling is bilinear with antialiasing; a JPEG of at least two and a half times the size needed is first reduced
/// by 2, 4 or 8 inside its cosine transform, as Pillow's `draft` does.
/// The same bytes give the same pixels, on any thread and in any order.
pub struct PhotoReader {
    geometry: Geometry,
    options: DecodeOptions,
    file: Vec<u8>,
    picture: Picture,
    /// That of the photo that was decoded last.
    format: Option<Format>,
    viewer: Viewer,
}

impl PhotoReader {
    /// A reader for one thread.
    #[must_use]
    pub fn new(geometry: Geometry, options: DecodeOptions) -> Self {
        Self {
            geometry,
            options,
            file: Vec::new(),
            picture: Picture::default(),
            format: None,
            viewer: Viewer::new(options.limits),
        }
    }

    /// Reads the photo at `path` into `out`: `[side, side, 3]` RGB, [`Geometry::n_bytes`] long.
    ///
    /// # Errors
    /// Why this photo is not used; what `out` holds then has no meaning.
    pub fn read(&mut self, path: &Path, out: &mut [u8]) -> Result<(), SkipReason> {
        self.load(path)?;
        let file = std::mem::take(&mut self.file);
        let result = self.read_bytes(&file, out);
        self.file = file;
        result
    }

    /// Decodes a photo that is in memory: the second half of [`read`](Self::read).
    ///
    /// # Errors
    /// Why this photo is not used; what `out` holds then has no meaning.
    pub fn read_bytes(&mut self, bytes: &[u8], out: &mut [u8]) -> Result<(), SkipReason> {
        self.check_buffer(out)?;
        let result = guarded(|| {
            self.decode(bytes, self.geometry.enough(1.0))?;
            self.viewer.fill(&self.picture, self.geometry, out)
        });
        self.picture.shrink();
        result
    }

    /// Reads the photo at `path` changed by `augment`; `view` decides what is drawn.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_augmented(
        &mut self,
        path: &Path,
        augment: &Augment,
        view: View,
        out: &mut [u8],
    ) -> Result<(), SkipReason> {
        self.load(path)?;
        let file = std::mem::take(&mut self.file);
        let result = self.read_bytes_augmented(&file, augment, view, out);
        self.file = file;
        result
    }

    /// Decodes a photo that is in memory, changed by `augment`; `view` decides what is drawn.
    ///
    /// # Errors
    /// As for [`read`](Self::read).
    pub fn read_bytes_augmented(
        &mut self,
        bytes: &[u8],
        augment: &Augment,
        view: View,
        out: &mut [u8],
    ) -> Result<(), SkipReason> {
        self.check_buffer(out)?;
        let drawn = augment.draw(view);
        // A small part that is enlarged needs its pixels: less reduction then.
        let (step_x, step_y) = drawn.matrix.steps();
        let zoom = step_x.min(step_y).clamp(0.05, 1.0);
        let result = guarded(|| {
            self.decode(bytes, self.geometry.enough(zoom))?;
            self.viewer.fill_drawn(&self.picture, self.geometry, &drawn, out)
        });
        self.picture.shrink();
        result
    }

    /// Reads the bytes of a file within the limits: the first half of [`read`](Self::read), for callers that
    /// want to hash a photo before they decode it.
    ///
    /// # Errors
    /// Why this file is not used: no regular file, unreadable, empty, too large.
    pub fn load(&mut self, path: &Path) -> Result<&[u8], SkipReason> {
        let unreadable = |error: std::io::Error| SkipReason::unreadable(&error);
        // Opening a pipe waits for a writer, so look before opening.
        let found = metadata(path).map_err(unreadable)?;
        if let Some(what) = not_a_file(found.file_type()) {
            return Err(SkipReason::NotAFile { what });
        }
        let limit = self.options.limits.max_file_bytes;
        if found.len() > limit {
            return Err(SkipReason::TooManyBytes { bytes: found.len(), limit });
        }
        self.file.clear();
        self.file.reserve(found.len() as usize + 1);
        // The file may have grown since.
        fs_err::File::open(path).map_err(unreadable)?.take(limit).read_to_end(&mut self.file).map_err(unreadable)?;
        if self.file.is_empty() {
            return Err(SkipReason::Empty);
        }
        Ok(&self.file)
    }

    /// Width and height as shown, in pixels, of the photo that was read last without an error.
    #[must_use]
    pub fn full_size(&self) -> (u32, u32) {
        let (width, height) = self.picture.full;
        if self.picture.orientation.swap { (height, width) } else { (width, height) }
    }

    /// The format, such as `JPEG`, of the photo that was read last, as its content tells.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format.map_or("unknown", Format::name)
    }

    fn check_buffer(&self, out: &[u8]) -> Result<(), SkipReason> {
        let (expected, found) = (self.geometry.n_bytes(), out.len());
        if found != expected || expected == 0 { Err(SkipReason::Buffer { expected, found }) } else { Ok(()) }
    }

    /// Decodes into `self.picture`, with at least `short_side` pixels on each side if the photo has them.
    fn decode(&mut self, bytes: &[u8], short_side: u32) -> Result<(), SkipReason> {
        let format = match Format::of(bytes) {
            Some(format) => format,
            None if bytes.is_empty() => return Err(SkipReason::Empty),
            None => return Err(unknown(bytes)),
        };
        self.format = Some(format);
        match format {
            Format::Jpeg => jpeg::decode(bytes, short_side, &self.options, &mut self.picture),
            _ => still::decode(bytes, format, &self.options, &mut self.picture),
        }
    }
}

/// Decoders and the resampler are other people's code and meet hostile files: their panic costs one photo, not the run.
/// Buffers are overwritten from the start by the next photo, so nothing half-made is ever seen.
fn guarded(work: impl FnOnce() -> Result<(), SkipReason>) -> Result<(), SkipReason> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(SkipReason::Damaged { reason: "its decoder gave up".to_owned() }))
}

impl fmt::Debug for PhotoReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PhotoReader")
            .field("geometry", &self.geometry)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
