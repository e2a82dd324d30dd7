//! Built-in pictures whose answers are kept in the bundle, so that a model can prove itself anywhere.

use std::path::Path;

use tl_backbone::{Network, Precision, Weights};
use tl_head::Head;

use crate::error::ModelError;

/// How many built-in pictures there are.
pub(crate) const N_PICTURES: usize = 3;

/// Largest difference allowed, relative to the largest logit: rounding differs between processors by about 1e-6.
const ALLOWED: f64 = 1e-3;

/// The pictures: `[N_PICTURES, side, side, 3] u8`, smooth and busy patterns given by a formula.
fn pictures(side: usize) -> Vec<u8> {
    let pixel = |i: usize| {
        let (c, x, y, n) = (i % 3, i / 3 % side, i / 3 / side % side, i / 3 / side / side);
        ((y * y * (c + 1) + x * x * (3 - c) + 31 * y * x / (n + 2) + 4096 * n) >> 4) & 255
    };
    (0..N_PICTURES * side * side * 3).map(|i| pixel(i) as u8).collect()
}

/// What a network says of the built-in pictures, in f32: the part of the proof that the head has no say in, so that it
/// can be made while the head still trains.
#[derive(Debug)]
pub struct GoldenFeatures(Vec<f32>);

impl GoldenFeatures {
    /// Of the network with these weights.
    ///
    /// # Errors
    /// [`ModelError::Backbone`] for a network that cannot run.
    pub fn of(weights: &Weights) -> Result<Self, ModelError> {
        let side = weights.spec().preprocessing.geometry.side as usize;
        let network = Network::compile(weights, Precision::F32, N_PICTURES)?;
        Ok(Self(network.rows(&pictures(side), N_PICTURES)?))
    }

    /// The model's answers on the built-in pictures: logits `[N_PICTURES, n_classes]`, row by row.
    pub(crate) fn answers(&self, head: &Head) -> Result<Vec<f32>, ModelError> {
        Ok(head.logits(&self.0)?)
    }
}

/// Compares answers with those that were stored in the file at `path`.
pub(crate) fn check(path: &Path, stored: &[f32], now: &[f32]) -> Result<(), ModelError> {
    let width = (stored.len() / N_PICTURES).max(1);
    let largest = stored.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    for (picture, (was, is)) in stored.chunks(width).zip(now.chunks(width)).enumerate() {
        let difference = was.iter().zip(is).map(|(a, b)| (a - b).abs()).fold(0.0, nan_max) / largest;
        let difference = f64::from(difference);
        if difference.is_nan() || difference > ALLOWED {
            return Err(ModelError::Golden { path: path.to_owned(), picture, difference, allowed: ALLOWED });
        }
    }
    Ok(())
}

/// The larger of two numbers, NaN if either is: `f32::max` would hide one.
fn nan_max(a: f32, b: f32) -> f32 {
    if a.is_nan() || b.is_nan() { f32::NAN } else { a.max(b) }
}
