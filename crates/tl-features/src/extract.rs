//! The pipeline: photos in, rows out, all cores busy.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use tch::Device;
use tl_backbone::{Network, Precision, Weights};
use tl_data::{DecodeOptions, Geometry, Skipped};

use crate::{
    device::DeviceNetwork,
    error::FeatureError,
    features::Features,
    worker::{Chunk, Content, Worker},
};

/// Photos that a worker decodes at a time for a network on another device.
const DEVICE_CHUNK: usize = 64;

/// How features are computed. Only `geometry`, `precision` and `device` change the numbers.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Worker threads; 0 takes one per core.
    pub n_threads: usize,
    /// Photos that a worker takes at a time. Small ones keep the activations in the core's own cache.
    pub chunk: usize,
    /// Size and cut of the pictures that the network sees; `None` takes the weights' own.
    pub geometry: Option<Geometry>,
    /// Arithmetic of the network on the processor.
    pub precision: Precision,
    /// Where the network runs. Elsewhere than on the processor it computes in f32.
    pub device: Device,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
}

impl Default for ExtractOptions {
    fn default() -> Self {
        Self {
            n_threads: 0,
            chunk: 4,
            geometry: None,
            precision: Precision::F32,
            device: Device::Cpu,
            decode: DecodeOptions::default(),
        }
    }
}

impl ExtractOptions {
    /// Worker threads for `n_photos`: never more than there are chunks of work.
    fn threads_for(&self, n_photos: usize, chunk: usize) -> usize {
        let asked = match self.n_threads {
            0 => thread::available_parallelism().map_or(1, std::num::NonZero::get),
            n => n,
        };
        asked.min(n_photos.div_ceil(chunk)).max(1)
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
    let geometry = options.geometry.unwrap_or(weights.spec().preprocessing.geometry);
    let on_device = (options.device != Device::Cpu).then(|| DeviceNetwork::new(weights, options.device)).transpose()?;
    let chunk = if on_device.is_some() { DEVICE_CHUNK } else { options.chunk };
    let chunk = chunk.clamp(1, photos.len().max(1));
    let workers = (0..options.threads_for(photos.len(), chunk))
        .map(|_| {
            let network =
                on_device.is_none().then(|| Network::compile(weights, options.precision, chunk)).transpose()?;
            Ok(Worker::new(network, geometry, &options.decode))
        })
        .collect::<Result<Vec<_>, FeatureError>>()?;

    let next = AtomicUsize::new(0);
    let mut table = Table::new(photos.len(), weights.spec().n_features);
    thread::scope(|scope| {
        // Bounded, so that decoding cannot run away from a device that computes more slowly.
        let (sender, receiver) = mpsc::sync_channel(2 * workers.len());
        for worker in workers {
            let (sender, next) = (sender.clone(), &next);
            thread::Builder::new()
                .name("features".to_owned())
                .spawn_scoped(scope, move || worker.run(photos, chunk, next, stop, &sender))?;
        }
        drop(sender);
        for received in receiver {
            let Chunk { first, content, hashes, skipped } = received?;
            let rows = match (content, &on_device) {
                (Content::Pixels(pixels), Some(network)) => {
                    network.features(&pixels, hashes.len(), geometry.side as usize)?
                }
                (Content::Rows(rows), _) => rows,
                (Content::Pixels(_), None) => Vec::new(),
            };
            table.put(first, &rows, &hashes, skipped);
            progress(table.n_done);
        }
        Ok::<_, FeatureError>(())
    })?;
    table.finish(stop)
}

/// Rows on their way to their places: chunks arrive in any order.
struct Table {
    width: usize,
    rows: Vec<f32>,
    hashes: Vec<[u8; 32]>,
    skipped: Vec<(usize, Skipped)>,
    n_done: usize,
}

impl Table {
    fn new(n_photos: usize, width: usize) -> Self {
        Self {
            width,
            rows: vec![0.0; n_photos * width],
            hashes: vec![[0; 32]; n_photos],
            skipped: Vec::new(),
            n_done: 0,
        }
    }

    fn put(&mut self, first: usize, rows: &[f32], hashes: &[[u8; 32]], skipped: Vec<(usize, Skipped)>) {
        self.rows[first * self.width..][..rows.len()].copy_from_slice(rows);
        self.hashes[first..][..hashes.len()].copy_from_slice(hashes);
        self.skipped.extend(skipped);
        self.n_done += hashes.len();
    }

    /// Closes the gaps that skipped photos left.
    fn finish(mut self, stop: &AtomicBool) -> Result<(Features, Vec<Skipped>), FeatureError> {
        let (width, n_done, n_photos) = (self.width, self.n_done, self.hashes.len());
        if n_done < n_photos {
            return Err(match stop.load(Ordering::Relaxed) {
                true => FeatureError::Stopped { n_done, n_photos },
                false => FeatureError::WorkerLost { n_done, n_photos },
            });
        }
        self.skipped.sort_by_key(|(photo, _)| *photo);
        let is_kept = |photo: &usize| self.skipped.binary_search_by_key(photo, |(skipped, _)| *skipped).is_err();
        let photos: Vec<usize> = (0..n_photos).filter(is_kept).collect();
        for (row, &photo) in photos.iter().enumerate() {
            self.rows.copy_within(photo * width..(photo + 1) * width, row * width);
        }
        self.rows.truncate(photos.len() * width);
        let hashes = photos.iter().map(|&photo| self.hashes[photo]).collect();
        let features = Features { width, rows: self.rows, photos, hashes };
        Ok((features, self.skipped.into_iter().map(|(_, skipped)| skipped).collect()))
    }
}
