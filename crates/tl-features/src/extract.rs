//! The pipeline: photos in, rows out, all cores busy.

use std::{
    path::PathBuf,
    sync::{
        atomic::{AtomicBool, AtomicUsize},
        mpsc,
    },
    thread,
};

use tch::{Device, Tensor};
use tl_backbone::{CompileOptions, Networks, Precision, Weights};
use tl_data::{DecodeOptions, Geometry, Skipped, n_threads};
use tl_torch::to_vec_f32;

use crate::{
    cache::{Cache, Reader, Recipe, Space, Writer},
    device::DeviceNetwork,
    error::FeatureError,
    features::Features,
    table::Table,
    twins::Places,
    views::Views,
    worker::{Batch, Content, Job, Photo, Worker},
};

/// Photos that a worker decodes at a time for a network on another device, at least and at most: as many as keep the
/// device busy, but each worker is to have some of a few hundred.
const DEVICE_CHUNK: (usize, usize) = (8, 64);

/// How features are computed. Only `geometry`, `precision`, `device`, `decode` and `views` change the numbers.
#[derive(Debug, Clone)]
pub struct ExtractOptions {
    /// Worker threads; 0 takes one per core.
    pub n_threads: usize,
    /// Photos that a worker takes at a time on the CPU. Few keep the activations in the core's own cache; another device
    /// is given as many as keep it busy.
    pub chunk: usize,
    /// Size and cut of the pictures that the network sees; `None` takes the weights' own.
    pub geometry: Option<Geometry>,
    /// Arithmetic of the network.
    pub precision: Precision,
    /// Where the network runs.
    pub device: Device,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
    /// Augmented views to make features of instead of the photos as they are: a row for each view of each photo,
    /// view `v` (from 0) of the photo at `p` in the place of a photo at `v * photos.len() + p`.
    pub views: Option<Views>,
    /// Rows that are known already, and where new ones are kept.
    pub cache: Option<Cache>,
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
            views: None,
            cache: None,
        }
    }
}

impl ExtractOptions {
    /// Photos that a worker takes at a time, of `n_rows` in all.
    fn chunk_of(&self, n_rows: usize) -> usize {
        let chunk = match self.device {
            Device::Cpu => self.chunk,
            _ => n_rows.div_ceil(2 * n_threads(self.n_threads)).clamp(DEVICE_CHUNK.0, DEVICE_CHUNK.1),
        };
        chunk.clamp(1, n_rows.max(1))
    }

    /// The workers' networks, for pictures of that geometry and so many at a time.
    fn networks(&self, weights: &Weights, geometry: Geometry, chunk: usize) -> Networks {
        let mut compiling = CompileOptions::default();
        (compiling.precision, compiling.batch, compiling.side) = (self.precision, chunk, Some(geometry.side));
        Networks::new(weights, compiling)
    }

    /// Worker threads for `n_rows`: never more than there are chunks of work.
    fn threads_for(&self, n_rows: usize, chunk: usize) -> usize {
        n_threads(self.n_threads).min(n_rows.div_ceil(chunk)).max(1)
    }
}

/// Computes the features of `photos` with the frozen backbone in `weights`.
///
/// Returns a row for each photo that could be read, in order, and the photos that could not, each with its reason; of
/// views, one for each of them. Rows that the cache knows are not computed, nor those of copies, and where all are known
/// no network is made. `progress` hears how many photos are done; setting `stop` ends the work within a chunk per worker,
/// or a wait for the cache.
///
/// # Errors
/// [`FeatureError::Stopped`] when `stop` was set before all were done; [`FeatureError::Backbone`] for a network that
/// cannot run in this arithmetic, or on this device; [`FeatureError::Thread`] when the system gives no thread.
pub fn extract(
    weights: &Weights,
    photos: &[PathBuf],
    options: &ExtractOptions,
    progress: &mut dyn FnMut(usize),
    stop: &AtomicBool,
) -> Result<(Features, Vec<Skipped>), FeatureError> {
    let geometry = options.geometry.unwrap_or(weights.spec().preprocessing.geometry);
    let is_on_device = options.device != Device::Cpu;
    let n_rows = photos.len() * options.views.as_ref().map_or(1, |views| views.n);
    let chunk = options.chunk_of(n_rows);
    // Without a cache there is no sense in hashing the weights.
    let space = options.cache.as_ref().map(|_| Space::new(weights, geometry, options.precision, options.device));
    let kept = options.cache.as_ref().zip(space.as_ref());
    let reader = kept.map(|(cache, space)| Reader::open(cache, space, stop));
    let writer = kept.zip(reader.as_ref()).map(|((cache, space), reader)| Writer::new(cache, space, reader, stop));
    let job = Job {
        photos,
        n_rows,
        chunk,
        geometry,
        networks: (!is_on_device).then(|| options.networks(weights, geometry, chunk)),
        decode: options.decode,
        views: options.views.as_ref(),
        recipe: Recipe::new(&options.decode, options.views.as_ref()),
        known: reader.as_ref(),
        places: Places::default(),
        next: AtomicUsize::new(0),
        stop,
    };
    let table = Table::new(n_rows, weights.spec().n_features);
    let (device, side) = (None, geometry.side);
    let mut sink = Sink { table, writer, options, recipe: job.recipe, weights, device, side, pending: None };
    let received = thread::scope(|scope| {
        let n_workers = options.threads_for(n_rows, chunk);
        // Bounded, so that decoding cannot run away from a device that computes more slowly.
        let (sender, receiver) = mpsc::sync_channel(2 * n_workers);
        for _ in 0..n_workers {
            let (sender, job) = (sender.clone(), &job);
            thread::Builder::new()
                .name("features".to_owned())
                .spawn_scoped(scope, move || Worker::new(job).run(&sender))?;
        }
        drop(sender);
        for batch in receiver {
            sink.put(batch?)?;
            progress(sink.table.n_done);
        }
        sink.settle()?;
        progress(sink.table.n_done);
        Ok(())
    });
    // What was computed is kept, however the rest went.
    if let Some(writer) = &mut sink.writer {
        writer.flush();
    }
    received.and_then(|()| sink.table.finish(stop))
}

/// Where the workers' batches go.
struct Sink<'a> {
    table: Table,
    writer: Option<Writer<'a>>,
    options: &'a ExtractOptions,
    recipe: Recipe,
    weights: &'a Weights,
    /// The network elsewhere than on the processor, from when it is first needed.
    device: Option<DeviceNetwork>,
    side: u32,
    /// Photos whose features that device may still be at work on.
    pending: Option<(Vec<Photo>, Tensor)>,
}

impl Sink<'_> {
    fn put(&mut self, batch: Batch) -> Result<(), FeatureError> {
        let Batch { photos, content, skipped, twins } = batch;
        self.table.skip(skipped);
        self.table.take_twins(twins);
        let rows = match content {
            Content::Known(rows) => {
                if let Some(cache) = &self.options.cache {
                    cache.add_hits(photos.len());
                }
                self.table.put(&photos, &rows);
                return Ok(());
            }
            Content::Rows(rows) => rows,
            Content::Pixels(pixels) => {
                let rows = self.on_device(&pixels, photos.len())?;
                // The next photos are on their way to the device before the last ones' features are waited for.
                self.settle()?;
                self.pending = Some((photos, rows));
                return Ok(());
            }
        };
        self.keep(&photos, &rows);
        Ok(())
    }

    fn on_device(&mut self, pixels: &[u8], n: usize) -> Result<Tensor, FeatureError> {
        let ExtractOptions { device, precision, .. } = *self.options;
        let network = match &mut self.device {
            Some(network) => network,
            none => none.insert(DeviceNetwork::new(self.weights, device, precision)?),
        };
        network.features(pixels, n, self.side as usize)
    }

    /// Waits for the features that a device is at work on.
    fn settle(&mut self) -> Result<(), FeatureError> {
        if let Some((photos, rows)) = self.pending.take() {
            self.keep(&photos, &to_vec_f32(&rows)?);
        }
        Ok(())
    }

    fn keep(&mut self, photos: &[Photo], rows: &[f32]) {
        self.table.put(photos, rows);
        if let Some(writer) = &mut self.writer {
            for (photo, row) in photos.iter().zip(rows.chunks_exact(self.weights.spec().n_features)) {
                writer.put(self.recipe, photo, row);
            }
        }
    }
}
