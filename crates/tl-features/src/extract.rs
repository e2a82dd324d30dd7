//! The pipeline: photos in, rows out, all cores busy.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tl_backbone::{Network, Precision, Weights};
use tl_data::{DecodeOptions, Geometry, Skipped};

use crate::{
    error::FeatureError,
    features::Features,
    worker::{Chunk, Worker},
};

/// How features are computed. Only `geometry` and `precision` change the numbers.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Worker threads; 0 takes one per core.
    pub n_threads: usize,
    /// Photos that a worker takes at a time. Small ones keep the activations in the core's own cache.
    pub chunk: usize,
    /// Size and cut of the pictures that the network sees; `None` takes the weights' own.
    pub geometry: Option<Geometry>,
    /// Arithmetic of the network.
    pub precision: Precision,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self { n_threads: 0, chunk: 4, geometry: None, precision: Precision::F32, decode: DecodeOptions::default() }
    }
}

impl ExtractOptions {
    /// Worker threads for `n_photos`: never more than there are chunks of work.
    fn threads_for(&self, n_photos: usize) -> usize {
        let asked = match self.n_threads {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        };
        asked.min(n_photos.div_ceil(self.chunk.max(1))).max(1)
    }
}

/// Computes the features of `photos` with the frozen backbone in `weights`.
///
/// Returns a row for each photo that could be read, in order, and the photos that could not, each with its
/// reason. `progress` hears how many photos are done; setting `stop` ends the work within a chunk per
/// worker and returns [`FeatureError::Stopped`].
pub fn extract(
    weights: &Weights,
    photos: &[PathBuf],
    options: &ExtractOptions,
    progress: &mut dyn FnMut(usize),
    stop: &AtomicBool,
) -> Result<(Features, Vec<Skipped>), FeatureError> {
    let next = AtomicUsize::new(0);
    let geometry = options.geometry.unwrap_or(weights.spec().preprocessing.geometry);
    let chunk = options.chunk.clamp(1, photos.len().max(1));
    let workers = (0..options.threads_for(photos.len()))
        .map(|_| Ok(Worker::new(Network::compile(weights, options.precision, chunk)?, geometry, &options.decode)))
        .collect::<Result<Vec<_>, FeatureError>>()?;

    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        for worker in workers {
            let (sender, next) = (sender.clone(), &next);
            thread::Builder::new()
                .name("features".to_owned())
                .spawn_scoped(scope, move || worker.run(photos, chunk, next, stop, &sender))?;
        }
        drop(sender);
        collect(receiver, photos.len(), weights.spec().n_features, progress, stop)
    })
}

/// Puts the chunks, which arrive in any order, where they belong.
fn collect(
    chunks: mpsc::Receiver<Result<Chunk, FeatureError>>,
    n_photos: usize,
    width: usize,
    progress: &mut dyn FnMut(usize),
    stop: &AtomicBool,
) -> Result<(Features, Vec<Skipped>), FeatureError> {
    let mut rows = vec![0.0; n_photos * width];
    let mut hashes = vec![[0; 32]; n_photos];
    let mut reasons: Vec<(usize, Skipped)> = Vec::new();
    let mut n_done = 0;
    for chunk in chunks {
        let chunk = chunk?;
        rows[chunk.first * width..][..chunk.rows.len()].copy_from_slice(&chunk.rows);
        hashes[chunk.first..][..chunk.hashes.len()].copy_from_slice(&chunk.hashes);
        n_done += chunk.hashes.len();
        reasons.extend(chunk.skipped);
        progress(n_done);
    }
    if n_done < n_photos {
        let stopped = stop.load(Ordering::Relaxed);
        return Err(match stopped {
            true => FeatureError::Stopped { n_done, n_photos },
            false => FeatureError::WorkerLost { n_done, n_photos },
        });
    }
    Ok(without_skipped(rows, &hashes, reasons, width))
}

/// Closes the gaps that skipped photos left.
fn without_skipped(
    mut rows: Vec<f32>,
    hashes: &[[u8; 32]],
    mut reasons: Vec<(usize, Skipped)>,
    width: usize,
) -> (Features, Vec<Skipped>) {
    reasons.sort_by_key(|(photo, _)| *photo);
    let mut photos: Vec<usize> = (0..hashes.len()).collect();
    photos.retain(|photo| reasons.binary_search_by_key(photo, |(skipped, _)| *skipped).is_err());
    for (row, &photo) in photos.iter().enumerate() {
        rows.copy_within(photo * width..(photo + 1) * width, row * width);
    }
    rows.truncate(photos.len() * width);
    let hashes = photos.iter().map(|&photo| hashes[photo]).collect();
    (Features { width, rows, photos, hashes }, reasons.into_iter().map(|(_, skipped)| skipped).collect())
}
