//! Two steps of fine-tuning against PyTorch and of the notebook against Keras, both in float64: the numbers are from
//! `golden/make_finetune.py` and `golden/make_notebook.py`.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;
use tch::Tensor;
use tl_backbone::{Backbone, BatchNorm, DeviceFold, Precision, Weights, layers, spec};
use tl_head::{HeadConfig, LossOptions, TensorHead, cross_entropy};
use tl_torch::{deep_copy, tensor_from_f32, thread_pool, to_vec_f32};
use tl_train::{Optimizer, OptimizerConfig, Recipe};

const N: usize = 8;
const SIDE: usize = 96;
const N_CLASSES: usize = 3;
/// Relative difference that is allowed.
const ALLOWED: f64 = 1e-4;
/// The same of the notebook. Of float64 all gradients of Keras are those of eager PyTorch to 1e-7, of f32 to 6e-3: one
/// activation lies at a corner of relu6, and no run of Keras's own moved over it.
const ALLOWED_AT_A_CORNER: f64 = 1e-2;
/// And so many times the error of their own f32, the largest of several runs: rounding moves activations over
/// relu6's corners, where a gradient jumps.
const NOISE: f64 = 4.0;
/// And so much of gradients and of running means, whose norms are about one: some are sums of large terms that cancel
/// to zero.
const CANCELLED: f64 = 1e-5;

/// The pictures of the scripts.
fn pictures() -> Vec<u8> {
    let pixel = |i: usize| {
        let (c, x, y, n) = (i % 3, i / 3 % SIDE, i / 3 / SIDE % SIDE, i / 3 / SIDE / SIDE);
        (((y * y * (c + 1) + x * x * (3 - c) + 31 * y * x / (n + 2) + 4096 * n) >> 4) & 255) as u8
    };
    (0..N * SIDE * SIDE * 3).map(pixel).collect()
}

fn head(n_features: usize) -> TensorHead {
    let weight: Vec<f32> = (0..n_features * N_CLASSES).map(|i| ((i % 17) as f32 - 8.0) / 1000.0).collect();
    let tensors = [
        ("layers.0.weight".to_owned(), tensor_from_f32(&weight, &[N_CLASSES as i64, n_features as i64]).unwrap()),
        ("layers.0.bias".to_owned(), tensor_from_f32(&[0.0; N_CLASSES], &[N_CLASSES as i64]).unwrap()),
    ];
    TensorHead::from_tensors(&HeadConfig::linear(n_features, N_CLASSES), tensors.into_iter().collect()).unwrap()
}

/// The scripts' name of a parameter of the head.
fn golden_name(name: &str) -> String {
    name.replace("layers.0", "classifier")
}

/// The norm; what is allowed of it, which is `relative` and a `floor`, and so much as f32 moves it.
fn check_norm(golden: &Value, what: &str, tensor: &Tensor, [relative, floor]: [f64; 2]) -> f64 {
    let norm = to_vec_f32(tensor).unwrap().iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    let number = |key: &str| golden[key].as_f64().unwrap();
    let (wanted, allowed) = (number("norm"), relative * number("norm") + NOISE * number("noise") + floor);
    assert!((norm - wanted).abs() <= allowed, "{what}: norm {norm} and not {wanted}, with {allowed} allowed");
    allowed
}

/// Norm and sampled values, each within what is allowed of the tensor's norm.
fn check(golden: &Value, what: &str, tensor: &Tensor, tolerance: [f64; 2]) {
    let allowed = check_norm(golden, what, tensor, tolerance);
    let values = to_vec_f32(tensor).unwrap();
    for (i, place) in [0, values.len() / 2, values.len() - 1].into_iter().enumerate() {
        let (found, value) = (f64::from(values[place]), golden["values"][i].as_f64().unwrap());
        assert!((found - value).abs() <= allowed, "{what}[{place}]: {found} and not {value}, with {allowed} allowed");
    }
}

/// Tensors by the names of the scripts.
type Tensors = BTreeMap<String, Tensor>;

/// Tensors of the loss by PyTorch's names, and the loss; with frozen statistics.
fn folded(backbone: &Backbone, head: &TensorHead, x: &Tensor) -> (Tensors, f64) {
    let form = backbone.fold(Precision::F32).unwrap().share().unwrap();
    let leaves: Vec<&Tensor> = form.leaves().collect();
    let (found, heads, loss) = through_head(head, &form.forward(x).unwrap(), &leaves);
    (backbone.unfold(&found).unwrap().into_iter().chain(heads).collect(), loss)
}

/// The same with all layers folded at once, as on a GPU.
fn folded_at_once(backbone: &Backbone, head: &TensorHead, x: &Tensor) -> (Tensors, f64) {
    let fold = DeviceFold::new(backbone, Precision::F32).unwrap();
    let form = fold.fold(backbone).unwrap();
    let leaves: Vec<&Tensor> = form.leaves().collect();
    let (found, heads, loss) = through_head(head, &form.forward(x).unwrap(), &leaves);
    (form.unfold(&found).unwrap().into_iter().chain(heads).collect(), loss)
}

/// The same with moving statistics, in parts of unequal size.
fn synced(backbone: &Backbone, head: &TensorHead, x: &Tensor) -> (Tensors, f64) {
    let pool = thread_pool(2).unwrap();
    let parts = [x.narrow(0, 0, 3), x.narrow(0, 3, 3), x.narrow(0, 6, 2)];
    let mut batch = backbone.synced(&parts).unwrap();
    let features = batch.features(&pool).unwrap().set_requires_grad(true);
    let (found, heads, loss) = through_head(head, &features, &[&features]);
    (batch.gradients(&found[0], &pool).unwrap().into_iter().chain(heads).collect(), loss)
}

/// The same as one graph, as on a GPU.
fn one_graph(backbone: &Backbone, head: &TensorHead, x: &Tensor) -> (Tensors, f64) {
    let (names, leaves): (Vec<&str>, Vec<&Tensor>) = backbone.parameters().unzip();
    let (found, heads, loss) = through_head(head, &backbone.forward_trained(x).unwrap(), &leaves);
    (names.into_iter().map(str::to_owned).zip(found).chain(heads).collect(), loss)
}

/// Tensors of `leaves`, those of the head, and the loss.
fn through_head(head: &TensorHead, features: &Tensor, leaves: &[&Tensor]) -> (Vec<Tensor>, Tensors, f64) {
    let labels = Tensor::from_slice(&(0..N as i64).map(|i| i % N_CLASSES as i64).collect::<Vec<_>>());
    let loss = cross_entropy(&head.forward(features).unwrap(), &labels, &LossOptions::default()).unwrap();
    let of_head = head.trainable();
    let all: Vec<&Tensor> = leaves.iter().copied().chain(of_head.iter().map(|(_, tensor)| tensor)).collect();
    let mut found = Tensor::f_run_backward(&[&loss], &all, false, false).unwrap();
    let heads = found.split_off(leaves.len());
    let heads = of_head.iter().map(|(name, _)| golden_name(name)).zip(heads).collect();
    (found, heads, loss.double_value(&[]))
}

/// A way to compute gradients by the scripts' names, and the loss.
type Gradients = fn(&Backbone, &TensorHead, &Tensor) -> (Tensors, f64);

/// A backbone with its weights, and how it is trained.
struct Case<'a> {
    what: &'static str,
    golden: &'a Value,
    backbone: Backbone,
    head: TensorHead,
    gradients: Gradients,
    optimizer: OptimizerConfig,
    lr: f64,
    /// Relative difference that is allowed.
    allowed: f64,
}

impl Case<'_> {
    /// Two steps with the losses and gradients of the script; all tensors by its names after them.
    fn two_steps(&self) -> Tensors {
        let Self { what, golden, backbone, head, .. } = self;
        let preprocessing = &backbone.to_weights().unwrap().spec().preprocessing;
        let x = frozen(backbone, &preprocessing.normalise(&pictures(), N, SIDE).unwrap());
        let of_head = || head.trainable().into_iter().map(|(name, tensor)| (golden_name(&name), tensor));
        let parameters: Vec<(String, Tensor)> = shallow(backbone.parameters()).chain(of_head()).collect();
        let names: Vec<String> = parameters.iter().map(|(name, _)| name.clone()).collect();
        let mut optimizer = Optimizer::new(self.optimizer.clone(), parameters).unwrap();
        for step in 0..2 {
            let (mut gradients, loss) = (self.gradients)(backbone, head, &x);
            let wanted = golden["losses"][step].as_f64().unwrap();
            assert!(
                (loss - wanted).abs() <= self.allowed * wanted,
                "{what}, step {step}: loss {loss} and not {wanted}"
            );
            if step == 0 {
                for (name, gradient) in &gradients {
                    let what = format!("{what}, gradient of {name}");
                    check(&golden["gradients"][name], &what, gradient, [self.allowed, CANCELLED]);
                }
            }
            let along: Vec<_> = names.iter().map(|name| Some((gradients.remove(name).unwrap(), self.lr))).collect();
            optimizer.step_along(&along).unwrap();
        }
        self.tensors()
    }

    /// The backbone without its top, and the head.
    fn tensors(&self) -> Tensors {
        let backbone = shallow(self.backbone.tensors()).filter(|(name, _)| !name.starts_with("classifier"));
        let head = self.head.parameters().into_iter().map(|(name, t)| (golden_name(&name), t.f_detach().unwrap()));
        backbone.chain(head).collect()
    }
}

fn shallow<'a>(tensors: impl Iterator<Item = (&'a str, &'a Tensor)>) -> impl Iterator<Item = (String, Tensor)> {
    tensors.map(|(name, tensor)| (name.to_owned(), tensor.shallow_clone()))
}

/// What the blocks before the first trained one give.
fn frozen(backbone: &Backbone, x: &Tensor) -> Tensor {
    let _guard = tch::no_grad_guard();
    (0..backbone.first_trained()).fold(x.shallow_clone(), |x, block| backbone.forward_block(block, &x).unwrap())
}

fn read(file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn backbone(name: &str) -> Backbone {
    let spec = spec(name).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights");
    Backbone::new(&Weights::open(&folder.join(spec.file), spec).unwrap()).unwrap()
}

fn pytorch(mode: &'static str, norm: BatchNorm, gradients: Gradients) {
    let golden = &read("finetune.json")[mode];
    let (mut backbone, head, optimizer) = (backbone("mobilenet_v2"), head(1280), OptimizerConfig::sgd(0.9, false));
    backbone.train_from(0, norm).unwrap();
    let case = Case { what: mode, golden, backbone, head, gradients, optimizer, lr: 1e-4, allowed: ALLOWED };
    for (name, tensor) in case.two_steps() {
        let floor = if name.contains("running") { CANCELLED } else { 0.0 };
        check(&golden["weights"][&name], &format!("{mode}, {name} after two steps"), &tensor, [ALLOWED, floor]);
    }
}

#[test]
fn two_steps_with_frozen_statistics_are_pytorchs() {
    pytorch("inference", BatchNorm::Frozen, folded);
    pytorch("inference", BatchNorm::Frozen, folded_at_once);
    pytorch("inference", BatchNorm::Frozen, one_graph);
}

#[test]
fn two_steps_with_moving_statistics_are_pytorchs() {
    pytorch("training", BatchNorm::Batch, synced);
    pytorch("training", BatchNorm::Batch, one_graph);
}

/// With the settings of the recipe: what is frozen, epsilon of Adam, and how far statistics move.
#[test]
fn two_steps_of_the_notebook_are_keras() {
    notebook(synced);
    notebook(one_graph);
}

fn notebook(gradients: Gradients) {
    let golden = &read("notebook.json");
    let (mut backbone, head) = (backbone("mobilenet_v1"), head(1024));
    let table = layers(spec("mobilenet_v1").unwrap());
    let trained: Vec<bool> = table.iter().map(|layer| layer.keras_index >= 20).collect();
    backbone.train_layers(&trained, BatchNorm::Batch).unwrap();
    backbone.set_bn_momentum(Recipe::Notebook.options().bn_momentum);
    let (optimizer, allowed) = (OptimizerConfig::adam_keras(), ALLOWED_AT_A_CORNER);
    let case = Case { what: "notebook", golden, backbone, head, gradients, optimizer, lr: 1e-3, allowed };
    let before: Tensors = case.tensors().iter().map(|(name, t)| (name.clone(), deep_copy(t).unwrap())).collect();
    for (name, after) in case.two_steps() {
        let moved = after.f_detach().unwrap() - &before[&name];
        let what = format!("notebook, how far {name} moved");
        if name.contains("running") {
            check(&golden["moved"][&name], &what, &moved, [allowed, 0.0]);
        } else {
            // Adam takes the sign of a gradient, also of one that is nearly zero.
            check_norm(&golden["moved"][&name], &what, &moved, [allowed, 0.0]);
        }
    }
}
