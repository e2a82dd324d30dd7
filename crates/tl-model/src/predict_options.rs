//! How photos are read while predicting.

use tch::Device;
use tl_backbone::Precision;
use tl_data::{DecodeOptions, Geometry};
use tl_features::{Cache, ExtractOptions};

/// How photos are read and run through the network; how they are prepared is the model's own affair.
#[derive(Debug, Clone)]
pub struct PredictOptions {
    /// Worker threads; 0 takes one per core.
    pub n_threads: usize,
    /// Arithmetic of the network; none is int8 for a head that learnt from that, and else f32, see
    /// [`trained_in`](crate::Classifier::trained_in).
    pub precision: Option<Precision>,
    /// Where the network runs.
    pub device: Device,
    /// Limits and tolerance of decoding.
    pub decode: DecodeOptions,
    /// Features that are known already, and where new ones are kept.
    pub cache: Option<Cache>,
}

impl Default for PredictOptions {
    fn default() -> Self {
        let ExtractOptions { n_threads, device, decode, cache, .. } = ExtractOptions::default();
        Self { n_threads, precision: None, device, decode, cache }
    }
}

impl PredictOptions {
    /// For pictures of this size and cut, and a head that learnt from features in this arithmetic.
    pub(crate) fn extracting(&self, geometry: Geometry, trained_in: Option<Precision>) -> ExtractOptions {
        let Self { n_threads, precision, device, decode, cache } = self.clone();
        let geometry = Some(geometry);
        let precision = precision.or(trained_in.filter(|trained| *trained == Precision::Int8)).unwrap_or_default();
        ExtractOptions { n_threads, precision, device, decode, cache, geometry, ..ExtractOptions::default() }
    }
}
