//! One worker: reads a few photos, runs its network on them, takes the next few.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::SyncSender,
    },
};

use tl_backbone::Network;
use tl_data::{DecodeOptions, Geometry, PhotoReader, SkipReason, Skipped};
use tl_torch::{set_intra_op_threads, to_vec_f32};

use crate::error::FeatureError;

/// What a worker made of one chunk of photos.
pub(crate) struct Chunk {
    /// Position of its first photo.
    pub(crate) first: usize,
    /// What became of the photos; the part of a skipped one holds no meaning.
    pub(crate) content: Content,
    /// BLAKE3 of each photo's bytes; those of skipped photos hold no meaning.
    pub(crate) hashes: Vec<[u8; 32]>,
    /// Photos that could not be read, with their position.
    pub(crate) skipped: Vec<(usize, Skipped)>,
}

/// How far a worker takes its photos.
pub(crate) enum Content {
    /// `[n, width]` features.
    Rows(Vec<f32>),
    /// `[n, side, side, 3]` pixels, for a network elsewhere.
    Pixels(Vec<u8>),
}

/// A thread's own reader and, where the processor computes, its own network: a tensor must not be used from two threads.
pub(crate) struct Worker {
    network: Option<Network>,
    /// Reads files; a reader of its own, so that its bytes can be lent to the one that decodes.
    files: PhotoReader,
    pixels: PhotoReader,
    photo_bytes: usize,
}

impl Worker {
    pub(crate) fn new(network: Option<Network>, geometry: Geometry, decode: &DecodeOptions) -> Self {
        let reader = || PhotoReader::new(geometry, *decode);
        Self { network, files: reader(), pixels: reader(), photo_bytes: geometry.n_bytes() }
    }

    /// Works through chunks until none is left, `stop` is set, or nobody listens any more.
    pub(crate) fn run(
        mut self,
        photos: &[PathBuf],
        chunk: usize,
        next: &AtomicUsize,
        stop: &AtomicBool,
        sender: &SyncSender<Result<Chunk, FeatureError>>,
    ) {
        // One thread per worker is faster than all threads on one network, and its sums have one order.
        set_intra_op_threads(1);
        let _guard = tch::no_grad_guard();
        let mut pixels = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let first = next.fetch_add(chunk, Ordering::Relaxed);
            let Some(wanted) = photos.get(first..(first + chunk).min(photos.len())).filter(|w| !w.is_empty()) else {
                return;
            };
            let result = self.chunk(first, wanted, &mut pixels);
            let failed = result.is_err();
            if sender.send(result).is_err() || failed {
                return;
            }
        }
    }

    fn chunk(&mut self, first: usize, photos: &[PathBuf], pixels: &mut Vec<u8>) -> Result<Chunk, FeatureError> {
        let (mut skipped, mut hashes) = (Vec::new(), vec![[0; 32]; photos.len()]);
        pixels.resize(photos.len() * self.photo_bytes, 0);
        for (i, (path, out)) in photos.iter().zip(pixels.chunks_exact_mut(self.photo_bytes)).enumerate() {
            match self.read(path, out) {
                Ok(hash) => hashes[i] = hash,
                Err(reason) => {
                    out.fill(0);
                    skipped.push((first + i, Skipped { path: path.clone(), reason }));
                }
            }
        }
        let content = match &self.network {
            Some(network) => Content::Rows(to_vec_f32(&network.features(pixels, photos.len())?)?),
            None => Content::Pixels(std::mem::take(pixels)),
        };
        Ok(Chunk { first, content, hashes, skipped })
    }

    /// Decodes a photo into `out` and hashes its bytes.
    fn read(&mut self, path: &Path, out: &mut [u8]) -> Result<[u8; 32], SkipReason> {
        let file = self.files.load(path)?;
        self.pixels.read_bytes(file, out)?;
        Ok(*blake3::hash(file).as_bytes())
    }
}
