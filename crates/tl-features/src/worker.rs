//! One worker: reads a few photos, runs its network on them, takes the next few.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::Sender,
    },
};

use tl_backbone::Network;
use tl_data::{DecodeOptions, Geometry, PhotoReader, SkipReason, Skipped};
use tl_torch::{set_intra_op_threads, to_vec_f32};

use crate::error::FeatureError;

/// The rows of one chunk of photos.
pub(crate) struct Chunk {
    /// Position of its first photo.
    pub(crate) first: usize,
    /// `[n, width]`; rows of skipped photos hold no meaning.
    pub(crate) rows: Vec<f32>,
    /// BLAKE3 of each photo's bytes; those of skipped photos hold no meaning.
    pub(crate) hashes: Vec<[u8; 32]>,
    /// Photos that could not be read, with their position.
    pub(crate) skipped: Vec<(usize, Skipped)>,
}

/// A thread's own network and buffers: a tensor must not be used from two threads.
pub(crate) struct Worker {
    network: Network,
    reader: PhotoReader,
    photo_bytes: usize,
}

impl Worker {
    pub(crate) fn new(network: Network, geometry: Geometry, decode: &DecodeOptions) -> Self {
        let photo_bytes = geometry.side as usize * geometry.side as usize * 3;
        Self { network, reader: PhotoReader::new(geometry, decode.clone()), photo_bytes }
    }

    /// Works through chunks until none is left, `stop` is set, or nobody listens any more.
    pub(crate) fn run(
        mut self,
        photos: &[PathBuf],
        chunk: usize,
        next: &AtomicUsize,
        stop: &AtomicBool,
        sender: &Sender<Result<Chunk, FeatureError>>,
    ) {
        // One thread per worker is faster than all threads on one network, and its sums have one order.
        set_intra_op_threads(1);
        let _guard = tch::no_grad_guard();
        let mut pixels = vec![0; chunk * self.photo_bytes];
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

    fn chunk(&mut self, first: usize, photos: &[PathBuf], pixels: &mut [u8]) -> Result<Chunk, FeatureError> {
        let (mut skipped, mut hashes) = (Vec::new(), vec![[0; 32]; photos.len()]);
        for (i, (path, out)) in photos.iter().zip(pixels.chunks_exact_mut(self.photo_bytes)).enumerate() {
            match self.read(path, out) {
                Ok(hash) => hashes[i] = hash,
                Err(reason) => {
                    out.fill(0);
                    skipped.push((first + i, Skipped { path: path.clone(), reason }));
                }
            }
        }
        let features = self.network.features(&pixels[..photos.len() * self.photo_bytes], photos.len())?;
        Ok(Chunk { first, rows: to_vec_f32(&features)?, hashes, skipped })
    }

    /// Decodes a photo into `out` and hashes its bytes.
    fn read(&mut self, path: &Path, out: &mut [u8]) -> Result<[u8; 32], SkipReason> {
        let hash = *blake3::hash(self.reader.load(path)?).as_bytes();
        self.reader.read(path, out)?;
        Ok(hash)
    }
}
