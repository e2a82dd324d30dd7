//! Two steps of fine-tuning against PyTorch in float64: the numbers are from `golden/make_finetune.py`.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tch::{Kind, Tensor};
use tl_backbone::{Backbone, BatchNorm, Precision, Weights, spec};
use tl_head::{Head, HeadConfig, LossOptions, cross_entropy};
use tl_torch::{tensor_from_f32, to_vec_f32};
use tl_train::{Optimizer, OptimizerConfig};

const N: usize = 8;
const SIDE: usize = 96;
const N_CLASSES: usize = 3;
const LR: f64 = 1e-4;
/// Relative difference that is allowed.
const ALLOWED: f64 = 1e-4;
/// And so many times the error of PyTorch's own f32, the largest of several runs: rounding moves activations over
/// relu6's corners, where a gradient jumps.
const NOISE: f64 = 4.0;
/// And so much of gradients and of running means, whose norms are about one: some are sums of large terms that cancel
/// to zero.
const CANCELLED: f64 = 1e-5;

/// The pictures of the script.
fn pictures() -> Vec<u8> {
    let pixel = |i: usize| {
        let (c, x, y, n) = (i % 3, i / 3 % SIDE, i / 3 / SIDE % SIDE, i / 3 / SIDE / SIDE);
        (((y * y * (c + 1) + x * x * (3 - c) + 31 * y * x / (n + 2) + 4096 * n) >> 4) & 255) as u8
    };
    (0..N * SIDE * SIDE * 3).map(pixel).collect()
}

fn head() -> Head {
    let weight: Vec<f32> = (0..1280 * N_CLASSES).map(|i| ((i % 17) as f32 - 8.0) / 1000.0).collect();
    let tensors = [
        ("layers.0.weight".to_owned(), tensor_from_f32(&weight, &[N_CLASSES as i64, 1280]).unwrap()),
        ("layers.0.bias".to_owned(), tensor_from_f32(&[0.0; N_CLASSES], &[N_CLASSES as i64]).unwrap()),
    ];
    Head::from_tensors(&HeadConfig::linear(1280, N_CLASSES), tensors.into_iter().collect()).unwrap()
}

/// PyTorch's name of a parameter of the head.
fn torch_name(name: &str) -> String {
    name.replace("layers.0", "classifier")
}

/// Norm and sampled values, each within what is allowed of the tensor's norm.
fn check(golden: &Value, what: &str, tensor: &Tensor, floor: f64) {
    let values = to_vec_f32(tensor).unwrap();
    let norm = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let number = |key: &str| golden[key].as_f64().unwrap();
    let (wanted, allowed) = (number("norm"), ALLOWED * number("norm") + NOISE * number("noise") + floor);
    assert!((norm - wanted).abs() <= allowed, "{what}: norm {norm} and not {wanted}, with {allowed} allowed");
    for (i, place) in [0, values.len() / 2, values.len() - 1].into_iter().enumerate() {
        let (found, value) = (f64::from(values[place]), golden["values"][i].as_f64().unwrap());
        assert!((found - value).abs() <= allowed, "{what}[{place}]: {found} and not {value}, with {allowed} allowed");
    }
}

/// Gradients by PyTorch's names, and the loss; with `folded` by the way of the engine's workers.
fn gradients(backbone: &Backbone, head: &Head, x: &Tensor, folded: bool) -> (BTreeMap<String, Tensor>, f64) {
    let labels = Tensor::from_slice(&(0..N as i64).map(|i| i % N_CLASSES as i64).collect::<Vec<_>>());
    let form = folded.then(|| backbone.fold(Precision::F32).unwrap().share().unwrap());
    let features = match &form {
        Some(form) => form.forward(x).unwrap(),
        None => backbone.forward_features(x, true).unwrap(),
    };
    let loss = cross_entropy(&head.forward(&features).unwrap(), &labels, &LossOptions::default()).unwrap();
    let of_head = head.trainable();
    let plain: Vec<(String, Tensor)> = backbone.parameters().map(|(n, t)| (n.to_owned(), t.shallow_clone())).collect();
    let leaves: Vec<&Tensor> = match &form {
        Some(form) => form.leaves().collect(),
        None => plain.iter().map(|(_, tensor)| tensor).collect(),
    };
    let n_backbone = leaves.len();
    let all: Vec<&Tensor> = leaves.into_iter().chain(of_head.iter().map(|(_, tensor)| tensor)).collect();
    let mut found = Tensor::f_run_backward(&[&loss], &all, false, false).unwrap();
    let heads = found.split_off(n_backbone);
    let backbones = match form {
        Some(_) => backbone.unfold(&found).unwrap(),
        None => plain.iter().map(|(name, _)| name.clone()).zip(found).collect(),
    };
    let heads = of_head.iter().map(|(name, _)| torch_name(name)).zip(heads);
    (backbones.into_iter().chain(heads).collect(), loss.double_value(&[]))
}

fn two_steps(mode: &str, norm: BatchNorm) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden: Value =
        serde_json::from_slice(&std::fs::read(here.join("tests/golden/finetune.json")).unwrap()).unwrap();
    let golden = &golden[mode];
    let spec = spec("mobilenet_v2").unwrap();
    let weights = Weights::open(&here.join("../../data/weights").join(spec.file), spec).unwrap();
    let mut backbone = Backbone::new(&weights).unwrap();
    backbone.train_from(0, norm).unwrap();
    let head = head();
    let x = spec.preprocessing.normalise(&pictures(), N, SIDE).unwrap();
    let parameters: Vec<(String, Tensor)> = backbone
        .parameters()
        .map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
        .chain(head.trainable().into_iter().map(|(name, tensor)| (torch_name(&name), tensor)))
        .collect();
    let names: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
    let mut optimizer = Optimizer::new(OptimizerConfig::sgd(0.9, false), parameters).unwrap();
    for step in 0..2 {
        let (mut gradients, loss) = gradients(&backbone, &head, &x, norm == BatchNorm::Frozen);
        let wanted = golden["losses"][step].as_f64().unwrap();
        assert!((loss - wanted).abs() <= 1e-4 * wanted, "{mode}, step {step}: loss {loss} and not {wanted}");
        if step == 0 {
            for (name, gradient) in &gradients {
                check(&golden["gradients"][name], &format!("{mode}, gradient of {name}"), gradient, CANCELLED);
            }
        }
        let along: Vec<_> = names.iter().map(|name| Some((gradients.remove(name).unwrap(), LR))).collect();
        optimizer.step_along(&along).unwrap();
    }
    let tuned = backbone.tensors().filter(|(name, _)| !name.starts_with("classifier"));
    for (name, tensor) in tuned.map(|(n, t)| (n.to_owned(), t.f_to_kind(Kind::Float).unwrap())) {
        check(
            &golden["weights"][&name],
            &format!("{mode}, {name} after two steps"),
            &tensor,
            if name.contains("running") { CANCELLED } else { 0.0 },
        );
    }
    for (name, tensor) in head.parameters() {
        check(&golden["weights"][torch_name(&name)], &format!("{mode}, {name} after two steps"), tensor, 0.0);
    }
}

#[test]
fn two_steps_with_frozen_statistics_are_pytorchs() {
    two_steps("inference", BatchNorm::Frozen);
}

#[test]
fn two_steps_with_moving_statistics_are_pytorchs() {
    two_steps("training", BatchNorm::Batch);
}
