//! Features of all photos, in one go, and what is told of the photos then.

use std::path::PathBuf;

use tl_backbone::Weights;
use tl_data::{Sample, Skipped};
use tl_features::{Cache, ExtractOptions, FeatureError, Features, extract};
use tl_torch::LoadingAhead;

use super::{Halt, Run, double_labels};
use crate::{data::Data, event::Event};

/// Rows of the photos that could be read, and the others.
pub(super) struct Extracted {
    pub(super) train: Features,
    pub(super) val: Features,
    pub(super) skipped: Vec<Skipped>,
    /// BLAKE3 of content, classes and sides of the photos.
    pub(super) data_blake3: String,
    /// Rows that were known before.
    pub(super) n_cached: usize,
}

impl Run<'_> {
    /// Extracts the features of training and validation photos as `options` say.
    pub(super) fn extracted(&mut self, weights: &Weights, options: &ExtractOptions) -> Result<Extracted, Halt> {
        let Self { plan, data, clock, observer, stop, .. } = self;
        let photos: Vec<PathBuf> = data.train.iter().chain(&data.val).map(|sample| sample.path.clone()).collect();
        let mut loading = None;
        let mut progress = |n_done| {
            // Not sooner: while libtorch is being loaded no thread can start.
            if plan.tunes_backbone() {
                loading.get_or_insert_with(LoadingAhead::begin);
            }
            observer.event(&Event::Extracting { n_done, n_total: photos.len() });
        };
        let n_hits = || options.cache.as_ref().map_or(0, Cache::n_hits);
        let n_hits_before = n_hits();
        let (features, broken) = match extract(weights, &photos, options, &mut progress, stop) {
            Err(FeatureError::Stopped { .. }) => return Err(Halt::Interrupted { epochs: 0, steps: 0 }),
            result => result?,
        };
        let n_photos = features.len();
        let skipped: Vec<Skipped> = data.skipped.iter().cloned().chain(broken).collect();
        let (data_blake3, double_labels) = (data_hash(data, &features), double_labels::warning(data, &features));
        let (train, val) = features.split_at_photo(data.train.len());
        clock.lap("features");
        let n_cached = n_hits() - n_hits_before;
        observer.event(&Event::Extracted { n_photos, n_cached, seconds: clock.seconds("features"), skipped: &skipped });
        for problem in options.cache.as_ref().and_then(Cache::problem).into_iter().chain(double_labels) {
            observer.event(&Event::Warning(&problem));
        }
        Ok(Extracted { train, val, skipped, data_blake3, n_cached })
    }
}

/// BLAKE3 over content, classes and side of each photo used, in order.
fn data_hash(data: &Data, features: &Features) -> String {
    let mut hasher = blake3::Hasher::new();
    let samples: Vec<&Sample> = data.train.iter().chain(&data.val).collect();
    for (&photo, content) in features.photos.iter().zip(&features.hashes) {
        hasher.update(content);
        let classes = data.classes_of(&samples[photo].label);
        if data.label_sets.is_some() {
            hasher.update(&(classes.len() as u64).to_le_bytes());
        }
        for &class in classes {
            hasher.update(&(class as u64).to_le_bytes());
        }
        hasher.update(&[u8::from(photo >= data.train.len())]);
    }
    hasher.finalize().to_hex().to_string()
}
