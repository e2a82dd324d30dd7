//! Weights, pictures and golden numbers.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tch::{Kind, Tensor};
use tl_backbone::{Preprocessing, Spec, Weights, spec};
use tl_torch::{tensor_from_f32, to_vec_f32};

pub(crate) const NAMES: [&str; 3] = ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"];

pub(crate) fn weight_file(spec: &Spec) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(spec.file);
    assert!(path.is_file(), "{} is missing: run cargo xtask fetch --all", path.display());
    path
}

pub(crate) fn weights(name: &str) -> Weights {
    let spec = spec(name).unwrap();
    Weights::open(&weight_file(spec), spec).unwrap()
}

/// The pictures of `golden/make_golden.py`: `[n, side, side, 3] u8`.
pub(crate) fn pictures(n: usize, side: usize) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(n * side * side * 3);
    for n in 0..n {
        for y in 0..side {
            for x in 0..side {
                for c in 0..3 {
                    let p = (y * y * (c + 1) + x * x * (3 - c) + 31 * y * x / (n + 2) + 4096 * n) >> 4;
                    pixels.push((p & 255) as u8);
                }
            }
        }
    }
    pixels
}

/// `[n, 3, side, side] f32`, normalised as the textbooks write it, by libtorch's own operators.
pub(crate) fn normalised(pixels: &[u8], n: usize, side: usize, preprocessing: &Preprocessing) -> Tensor {
    let bytes: Vec<f32> = pixels.iter().map(|&p| f32::from(p)).collect();
    let shape = [n as i64, side as i64, side as i64, 3];
    let x = tensor_from_f32(&bytes, &shape).unwrap() / 255.0;
    let mean = tensor_from_f32(&preprocessing.mean, &[3]).unwrap();
    let std = tensor_from_f32(&preprocessing.std, &[3]).unwrap();
    ((x - mean) / std).permute([0, 3, 1, 2]).contiguous()
}

pub(crate) fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.json"));
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

/// A list of rows as a tensor.
pub(crate) fn rows(value: &Value) -> Tensor {
    let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
    tensor_from_f32(&rows.concat(), &[rows.len() as i64, rows[0].len() as i64]).unwrap()
}

/// `|a - b| / |b|` in the Euclidean norm.
pub(crate) fn relative_error(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    ((&a - &b).norm() / b.norm()).double_value(&[])
}

pub(crate) fn top5(logits: &Tensor) -> Vec<Vec<i64>> {
    let (_, indices) = logits.topk(5, -1, true, true);
    to_vec_f32(&indices).unwrap().chunks(5).map(|row| row.iter().map(|&i| i as i64).collect()).collect()
}
