//! What is frozen does not move, and what is trained does.

use std::collections::BTreeMap;

use tch::Tensor;
use tl_backbone::{Backbone, BackboneError, BatchNorm};
use tl_torch::{deep_copy, thread_pool};

use crate::support::{NAMES, normalised, pictures, weights};

/// Two pictures of 64 x 64: training steps need no more.
fn input(backbone_name: &str) -> Tensor {
    normalised(&pictures(2, 64), 2, 64, &weights(backbone_name).spec().preprocessing)
}

fn snapshot(backbone: &Backbone) -> BTreeMap<String, Tensor> {
    backbone.tensors().map(|(name, tensor)| (name.to_owned(), deep_copy(tensor).unwrap())).collect()
}

/// What the blocks before the first trained one give.
fn frozen(backbone: &Backbone, x: &Tensor) -> Tensor {
    let _guard = tch::no_grad_guard();
    (0..backbone.first_trained()).fold(x.shallow_clone(), |x, block| backbone.forward_block(block, &x).unwrap())
}

/// A step of gradient descent; returns the names of the tensors that moved.
fn moved_by_a_step(backbone: &Backbone, x: &Tensor) -> Vec<String> {
    let before = snapshot(backbone);
    let pool = thread_pool(2).unwrap();
    let input = frozen(backbone, x);
    let mut batch = backbone.synced(&[input.narrow(0, 0, 1), input.narrow(0, 1, 1)]).unwrap();
    let features = batch.features(&pool).unwrap();
    let mut gradients = batch.gradients(&features, &pool).unwrap();
    let _guard = tch::no_grad_guard();
    for (name, parameter) in backbone.parameters() {
        let gradient = gradients.remove(name).unwrap();
        let _ = parameter.shallow_clone().f_sub_(&(gradient * 1e-3)).unwrap();
    }
    assert!(gradients.is_empty(), "gradients of what is frozen: {gradients:?}");
    backbone.tensors().filter(|(name, tensor)| **tensor != before[*name]).map(|(name, _)| name.to_owned()).collect()
}

#[test]
fn nothing_moves_when_everything_is_frozen() {
    for name in NAMES {
        let mut backbone = Backbone::new(&weights(name)).unwrap();
        backbone.train_from(backbone.n_blocks(), BatchNorm::Batch).unwrap();
        assert_eq!(backbone.parameters().count(), 0);
        assert_eq!(moved_by_a_step(&backbone, &input(name)), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn only_the_last_block_moves_when_only_it_is_trained() {
    let mut backbone = Backbone::new(&weights("mobilenet_v1")).unwrap();
    backbone.train_from(backbone.n_blocks() - 1, BatchNorm::Batch).unwrap();
    let moved = moved_by_a_step(&backbone, &input("mobilenet_v1"));
    assert!(moved.iter().all(|name| name.starts_with("blocks.4.1.")), "{moved:?}");
    for tensor in ["conv_dw.weight", "conv_pw.weight", "bn1.bias", "bn1.running_mean", "bn2.running_var"] {
        assert!(moved.contains(&format!("blocks.4.1.{tensor}")), "{tensor} of {moved:?}");
    }
}

#[test]
fn frozen_batch_norm_keeps_its_statistics_while_weights_move() {
    let mut backbone = Backbone::new(&weights("mobilenet_v3_small")).unwrap();
    backbone.train_from(0, BatchNorm::Frozen).unwrap();
    let moved = moved_by_a_step(&backbone, &input("mobilenet_v3_small"));
    assert!(moved.iter().any(|name| name == "features.0.0.weight"));
    assert!(!moved.iter().any(|name| name.contains("running_")), "{moved:?}");
}

#[test]
fn training_from_a_block_that_is_not_there_is_an_error() {
    let mut backbone = Backbone::new(&weights("mobilenet_v2")).unwrap();
    let error = backbone.train_from(20, BatchNorm::Frozen).unwrap_err();
    assert!(matches!(error, BackboneError::Block { n_blocks: 19, asked: 20, .. }));
}

#[test]
fn a_backbone_gives_its_weights_back() {
    let weights = weights("mobilenet_v3_small");
    let again = Backbone::new(&weights).unwrap().to_weights().unwrap();
    assert_eq!(weights.sha256(), again.sha256());
}
