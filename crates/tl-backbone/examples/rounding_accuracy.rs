//! What bf16, int16 and int8 do to the features of real photos: for each network, mean and largest relative error
//! `|a - b| / |b|` against f32, and how often both name the same `ImageNet` class first.
//!
//! `cargo run --release -p tl-backbone --example rounding_accuracy -- PHOTOS_OR_FOLDERS...`
#![allow(clippy::print_stdout)]

use std::{error::Error, path::Path};

use tch::Tensor;
use tl_backbone::{Network, Precision, Spec, Weights, registry};
use tl_data::{DecodeOptions, PhotoReader, find_photos};
use tl_torch::to_vec_f32;

const BATCH: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    tl_torch::keep_allocations();
    tl_torch::set_intra_op_threads(1);
    let paths: Vec<_> = std::env::args_os().skip(1).map(Into::into).collect();
    let (photos, _) = find_photos(&paths)?;
    println!("network, arithmetic, photos, mean error, largest error, same class first");
    for spec in registry() {
        for precision in [Precision::Bf16, Precision::Int16, Precision::Int8] {
            if precision != Precision::Int8 || spec.has_int8() {
                let comparison = Comparison::of(spec, precision, photos.iter().map(AsRef::as_ref))?;
                println!("{}, {precision:?}, {}", spec.name, comparison.row());
            }
        }
    }
    Ok(())
}

/// What was seen of one network.
#[derive(Default)]
struct Comparison {
    errors: Vec<f64>,
    n_agreeing: usize,
}

impl Comparison {
    fn of<'a>(
        spec: &'static Spec,
        precision: Precision,
        mut photos: impl Iterator<Item = &'a Path>,
    ) -> Result<Self, Box<dyn Error>> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(spec.file);
        let weights = Weights::open(&path, spec)?;
        let exact = Network::compile(&weights, Precision::F32, BATCH)?;
        let rounded = Network::compile(&weights, precision, BATCH)?;
        let geometry = spec.preprocessing.geometry;
        let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
        let mut comparison = Self::default();
        let mut pixels = vec![0; BATCH * geometry.n_bytes()];
        loop {
            let mut n = 0;
            for photo in photos.by_ref() {
                // A photo that cannot be read has no features to compare.
                n += usize::from(
                    reader.read(photo, &mut pixels[n * geometry.n_bytes()..][..geometry.n_bytes()]).is_ok(),
                );
                if n == BATCH {
                    break;
                }
            }
            if n == 0 {
                return Ok(comparison);
            }
            let seen = &pixels[..n * geometry.n_bytes()];
            let (a, b) = (rounded.features(seen, n)?, exact.features(seen, n)?);
            comparison.add(&to_vec_f32(&a)?, &to_vec_f32(&b)?, spec.n_features);
            comparison.n_agreeing += n_agreeing(&rounded.logits(&a)?, &exact.logits(&b)?)?;
        }
    }

    fn add(&mut self, a: &[f32], b: &[f32], width: usize) {
        self.errors.extend(a.chunks(width).zip(b.chunks(width)).map(|(a, b)| relative_error(a, b)));
    }

    fn row(&self) -> String {
        let n = self.errors.len();
        let mean = self.errors.iter().sum::<f64>() / n as f64;
        let largest = self.errors.iter().fold(0.0, |a, &b| f64::max(a, b));
        format!("{n}, {mean:.2e}, {largest:.2e}, {:.4}", self.n_agreeing as f64 / n as f64)
    }
}

fn relative_error(a: &[f32], b: &[f32]) -> f64 {
    let square = |x: f32| f64::from(x) * f64::from(x);
    let difference: f64 = a.iter().zip(b).map(|(a, b)| square(a - b)).sum();
    (difference / b.iter().map(|&b| square(b)).sum::<f64>()).sqrt()
}

/// In how many rows the largest logit stands in the same place.
fn n_agreeing(a: &Tensor, b: &Tensor) -> Result<usize, Box<dyn Error>> {
    let same = a.f_argmax(-1, false)?.f_eq_tensor(&b.f_argmax(-1, false)?)?;
    Ok(to_vec_f32(&same)?.iter().filter(|&&same| same > 0.0).count())
}
