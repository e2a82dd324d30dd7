//! One worker: reads a few photos, runs its network on those that are not known, takes the next few.

use std::{
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::SyncSender,
    },
};

use tl_backbone::{Network, Networks};
use tl_data::{DecodeOptions, Geometry, PhotoReader, SkipReason, Skipped};

use crate::{
    cache::{Reader, Recipe},
    error::FeatureError,
    twins::{Places, Twin},
    views::Views,
};

/// What all workers work on.
pub(crate) struct Job<'a> {
    pub(crate) photos: &'a [PathBuf],
    /// Rows to make: photos, or their views, all photos' first view first.
    pub(crate) n_rows: usize,
    /// Photos that a worker takes at a time, and pictures that its network sees at a time.
    pub(crate) chunk: usize,
    pub(crate) geometry: Geometry,
    /// The workers' networks; `None` where the network is elsewhere.
    pub(crate) networks: Option<Networks>,
    pub(crate) decode: DecodeOptions,
    pub(crate) views: Option<&'a Views>,
    pub(crate) recipe: Recipe,
    /// Rows that need no computing.
    pub(crate) known: Option<&'a Reader>,
    /// Of photos that are there several times, one is computed.
    pub(crate) places: Places,
    /// The first row that no worker has taken yet.
    pub(crate) next: AtomicUsize,
    pub(crate) stop: &'a AtomicBool,
}

/// What became of some photos.
pub(crate) struct Batch {
    pub(crate) photos: Vec<Photo>,
    pub(crate) content: Content,
    /// Photos that could not be read, with their position.
    pub(crate) skipped: Vec<(usize, Skipped)>,
    pub(crate) twins: Vec<Twin>,
}

/// A photo that could be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Photo {
    /// The place of its row.
    pub(crate) position: usize,
    /// Number of its view, from 1; 0 for the photo as it is.
    pub(crate) view: usize,
    /// BLAKE3 of its bytes.
    pub(crate) content: [u8; 32],
}

/// How far a worker took its photos.
pub(crate) enum Content {
    /// `[n, width]` features that the cache knew.
    Known(Vec<f32>),
    /// `[n, width]` features, computed.
    Rows(Vec<f32>),
    /// `[n, side, side, 3]` pixels, for a network elsewhere.
    Pixels(Vec<u8>),
}

/// A thread's own readers and, from when it is first needed, its own network.
pub(crate) struct Worker<'a> {
    job: &'a Job<'a>,
    network: Option<Network>,
    /// Reads files; a reader of its own, so that its bytes can be lent to the one that decodes.
    files: PhotoReader,
    decoder: PhotoReader,
    /// Photos that are decoded and wait until the network's batch is full.
    waiting: Vec<Photo>,
    pixels: Vec<u8>,
    /// Photos whose rows were known, with these.
    known: Vec<Photo>,
    known_rows: Vec<f32>,
    row_bytes: Vec<u8>,
    twins: Vec<Twin>,
}

type Sender = SyncSender<Result<Batch, FeatureError>>;

impl<'a> Worker<'a> {
    pub(crate) fn new(job: &'a Job<'a>) -> Self {
        let reader = || PhotoReader::new(job.geometry, job.decode);
        Self {
            job,
            network: None,
            files: reader(),
            decoder: reader(),
            waiting: Vec::new(),
            pixels: Vec::new(),
            known: Vec::new(),
            known_rows: Vec::new(),
            row_bytes: Vec::new(),
            twins: Vec::new(),
        }
    }

    /// Works through the photos until none is left, `stop` is set, or nobody listens any more.
    pub(crate) fn run(mut self, sender: &Sender) {
        while !self.job.stop.load(Ordering::Relaxed) {
            let first = self.job.next.fetch_add(self.job.chunk, Ordering::Relaxed);
            let end = (first + self.job.chunk).min(self.job.n_rows);
            if first >= end {
                self.compute_into(sender, 1);
                return;
            }
            let skipped = (first..end).filter_map(|position| self.take(position)).collect();
            let (photos, rows) = (std::mem::take(&mut self.known), std::mem::take(&mut self.known_rows));
            let twins = std::mem::take(&mut self.twins);
            let known = Batch { photos, content: Content::Known(rows), skipped, twins };
            if sender.send(Ok(known)).is_err() || !self.compute_into(sender, self.job.chunk) {
                return;
            }
        }
    }

    /// Reads a photo and puts it with the known or the waiting ones; says so if it cannot be read.
    fn take(&mut self, position: usize) -> Option<(usize, Skipped)> {
        let path = &self.job.photos[position % self.job.photos.len()];
        self.read(position, path).err().map(|reason| (position, Skipped { path: path.clone(), reason }))
    }

    fn read(&mut self, position: usize, path: &Path) -> Result<(), SkipReason> {
        let job = self.job;
        let file = self.files.load(path)?;
        let view = if job.views.is_some() { 1 + position / job.photos.len() } else { 0 };
        let photo = Photo { position, view, content: *blake3::hash(file).as_bytes() };
        let is_known =
            job.known.is_some_and(|known| known.get(job.recipe, &photo, &mut self.row_bytes, &mut self.known_rows));
        if is_known {
            self.known.push(photo);
            return Ok(());
        }
        if let Some(first) = job.places.first(&photo) {
            self.twins.push(Twin { photo, path: path.to_owned(), first });
            return Ok(());
        }
        let start = self.waiting.len() * job.geometry.n_bytes();
        self.pixels.resize(start + job.geometry.n_bytes(), 0);
        match job.views {
            None => self.decoder.read_bytes(file, &mut self.pixels[start..])?,
            Some(views) => {
                let view = views.view(photo.view, &photo.content);
                self.decoder.read_bytes_augmented(file, &views.augment, view, &mut self.pixels[start..])?;
            }
        }
        self.waiting.push(photo);
        Ok(())
    }

    /// Sends what the network says of the waiting photos while at least `least` wait; false when there is no sense
    /// in going on.
    fn compute_into(&mut self, sender: &Sender, least: usize) -> bool {
        while self.waiting.len() >= least {
            let batch = self.compute();
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                return false;
            }
        }
        true
    }

    /// Runs the network on the first waiting photos, as many as it was packed for.
    fn compute(&mut self) -> Result<Batch, FeatureError> {
        let n = self.waiting.len().min(self.job.chunk);
        let n_bytes = n * self.job.geometry.n_bytes();
        let photos = self.waiting.drain(..n).collect();
        let content = match &self.job.networks {
            None => Content::Pixels(self.pixels.drain(..n_bytes).collect()),
            Some(networks) => {
                let network = match &mut self.network {
                    Some(network) => network,
                    none => {
                        // One thread per worker is faster than all threads on one network, and its sums have one order.
                        Network::on_one_thread(networks.precision());
                        none.insert(networks.for_thread()?)
                    }
                };
                let rows = network.rows(&self.pixels[..n_bytes], n)?;
                self.pixels.drain(..n_bytes);
                Content::Rows(rows)
            }
        };
        Ok(Batch { photos, content, skipped: Vec::new(), twins: Vec::new() })
    }
}
