//! The folded form against the plain one: what its leaves' gradients stand for.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use tl_backbone::{Backbone, BatchNorm, Precision, Weights, layers, registry, spec};
use tl_torch::to_vec_f32;

use crate::support::{NAMES, normalised, pictures, weights};

/// Largest difference of two tensors, relative to the largest value of the first.
pub(crate) fn difference(wanted: &Tensor, found: &Tensor) -> f32 {
    let (wanted, found) = (to_vec_f32(wanted).unwrap(), to_vec_f32(found).unwrap());
    assert_eq!(wanted.len(), found.len());
    let largest = wanted.iter().fold(f32::MIN_POSITIVE, |a, b| a.max(b.abs()));
    wanted.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn gradients_of_the_folded_form_are_those_of_the_plain_one() {
    for name in NAMES {
        let mut backbone = Backbone::new(&weights(name)).unwrap();
        backbone.train_from(0, BatchNorm::Frozen).unwrap();
        let x = normalised(&pictures(2, 64), 2, 64, &weights(name).spec().preprocessing);
        let weighing = Tensor::arange(weights(name).spec().n_features as i64, (Kind::Float, tch::Device::Cpu)).cos();
        let loss = |features: &Tensor| (features * &weighing).square().sum(Kind::Float);

        let plain = backbone.forward_features(&x).unwrap();
        let parameters: Vec<(String, Tensor)> =
            backbone.parameters().map(|(name, t)| (name.to_owned(), t.shallow_clone())).collect();
        let handles: Vec<&Tensor> = parameters.iter().map(|(_, tensor)| tensor).collect();
        let wanted = Tensor::f_run_backward(&[loss(&plain)], &handles, false, false).unwrap();

        let folded = backbone.fold(Precision::F32).unwrap().share().unwrap();
        let features = folded.forward(&x).unwrap();
        assert!(difference(&plain, &features) < 1e-4, "{name}");
        let leaves: Vec<&Tensor> = folded.leaves().collect();
        let gradients = Tensor::f_run_backward(&[loss(&features)], &leaves, false, false).unwrap();
        let found: BTreeMap<String, Tensor> = backbone.unfold(&gradients).unwrap().into_iter().collect();
        assert_eq!(found.len(), parameters.len(), "{name}");
        for ((tensor, _), wanted) in parameters.iter().zip(&wanted) {
            let difference = difference(wanted, &found[tensor]);
            // Processors and numbers of threads round differently, which moves activations over relu6's corners, where a
            // gradient jumps.
            assert!(difference < 5e-2, "{name}, {tensor}: {difference}");
        }
    }
}

#[test]
fn the_table_of_layers_names_every_parameter_but_the_tops() {
    for name in NAMES {
        let table = layers(spec(name).unwrap());
        let mut backbone = Backbone::new(&weights(name)).unwrap();
        backbone.train_from(0, BatchNorm::Frozen).unwrap();
        let mut named: Vec<&str> = table.iter().flat_map(|l| l.parameters.iter().map(String::as_str)).collect();
        named.sort_unstable();
        assert_eq!(named, backbone.parameters().map(|(name, _)| name).collect::<Vec<_>>(), "{name}");
    }
}

#[test]
fn keras_indices_are_keras_own() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("../golden/keras_layers.json")).unwrap();
    for spec in registry() {
        let indices: Vec<usize> = layers(spec).iter().map(|layer| layer.keras_index).collect();
        assert_eq!(serde_json::json!(indices), golden[spec.name], "{}", spec.name);
    }
}

#[test]
fn v1_has_the_multiply_adds_of_the_paper() {
    let macs: u64 = layers(spec("mobilenet_v1").unwrap()).iter().map(|layer| layer.n_macs).sum();
    assert_eq!(macs, 567_716_352, "569 M of the paper, without the top's 1 M");
}

#[test]
fn a_layer_is_frozen_in_the_middle_of_a_block() {
    let mut backbone = Backbone::new(&weights("mobilenet_v1")).unwrap();
    let table = layers(spec("mobilenet_v1").unwrap());
    let trained: Vec<bool> = table.iter().map(|layer| layer.keras_index >= 20).collect();
    backbone.train_layers(&trained, BatchNorm::Batch).unwrap();
    assert_eq!(backbone.first_trained(), 3);
    let names: Vec<&str> = backbone.parameters().map(|(name, _)| name).collect();
    assert!(names.contains(&"blocks.1.1.conv_pw.weight") && !names.contains(&"blocks.1.1.conv_dw.weight"));
    assert!(backbone.train_layers(&trained[1..], BatchNorm::Batch).is_err());
}

#[test]
fn random_weights_keep_the_size_of_activations_and_follow_the_seed() {
    for name in NAMES {
        let spec = spec(name).unwrap();
        let first = Weights::initial(spec, 1).unwrap();
        assert_eq!(first.sha256(), Weights::initial(spec, 1).unwrap().sha256());
        assert_ne!(first.sha256(), Weights::initial(spec, 2).unwrap().sha256());
        let (_, kernel) = first.arrays().find(|(_, array)| array.shape().len() == 4 && array.shape()[0] >= 16).unwrap();
        let size = kernel.shape();
        let (n_out, n_in, taps) = (size[0] as f64, size[1] as f64, (size[2] * size[3]) as f64);
        let variance = if name == "mobilenet_v1" { 2.0 / (taps * (n_in + n_out)) } else { 2.0 / (taps * n_out) };
        let found = kernel.to_tensor().unwrap().square().mean(Kind::Float).double_value(&[]);
        assert!((found / variance - 1.0).abs() < 0.3, "{name}: {found} and not {variance}");
    }
}
