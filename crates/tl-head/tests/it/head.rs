//! The dense stack.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tch::Tensor;
use tl_head::{Head, HeadConfig};

use crate::{rows, tensor, values};

fn copies(head: &Head) -> BTreeMap<String, Tensor> {
    head.parameters().into_iter().map(|(name, tensor)| (name, tensor.copy())).collect()
}

#[test]
fn the_notebooks_head_has_its_parameters() {
    let config = HeadConfig::notebook(1024, 3);
    assert_eq!(config.to_string(), "1024-1024-1024-512-3");
    assert_eq!(config.n_parameters(), 2_625_539);
    let head = Head::new(&config, 0).unwrap();
    assert_eq!(head.n_parameters(), head.parameters().iter().map(|(_, tensor)| tensor.numel()).sum::<usize>());
    let names: Vec<String> = head.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..3], ["layers.0.weight", "layers.0.bias", "layers.1.weight"]);
    assert_eq!(head.parameters()[6].1.size(), [3, 512]);
}

#[test]
fn a_configuration_is_strict_about_its_fields() {
    let config = HeadConfig { n_features: 4, hidden: vec![3], n_classes: 2 };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(json, r#"{"n_features":4,"hidden":[3],"n_classes":2}"#);
    assert_eq!(serde_json::from_str::<HeadConfig>(&json).unwrap(), config);
    assert!(serde_json::from_str::<HeadConfig>(r#"{"n_features":4,"hidden":[3],"n_classes":2,"x":1}"#).is_err());
}

#[test]
fn sizes_that_make_no_head_are_refused() {
    for config in [
        HeadConfig::linear(0, 2),
        HeadConfig::linear(4, 0),
        HeadConfig { n_features: 4, hidden: vec![8, 0], n_classes: 2 },
        HeadConfig::linear(usize::MAX, 2),
    ] {
        let error = Head::new(&config, 0).unwrap_err().to_string();
        assert!(error.contains("describes no head"), "{error}");
        Head::from_tensors(&config, BTreeMap::new()).unwrap_err();
    }
}

#[test]
fn every_unfit_parameter_is_listed() {
    let config = HeadConfig { n_features: 4, hidden: vec![3], n_classes: 2 };
    let mut tensors = copies(&Head::new(&config, 0).unwrap());
    tensors.remove("layers.0.bias");
    tensors.insert("layers.1.weight".to_owned(), tensor(&rows(3, 2), 3));
    tensors.insert("layers.2.bias".to_owned(), tensor(&rows(1, 1), 1));
    assert_eq!(
        Head::from_tensors(&config, tensors).unwrap_err().to_string(),
        "these are not the parameters of the head 4-3-2: layers.0.bias is missing, layers.1.weight has shape [3, 2] and \
         not [2, 3], layers.2.bias is unexpected; use the configuration they were saved with"
    );
}

#[test]
fn features_of_another_width_are_refused() {
    let head = Head::new(&HeadConfig::linear(4, 2), 0).unwrap();
    let error = head.forward(&tensor(&rows(2, 5), 2)).unwrap_err().to_string();
    assert_eq!(error, "features must have shape [N, 4], but has [2, 5]");
    assert!(head.forward(&Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0])).is_err());
}

#[test]
fn forward_leaves_the_features_alone() {
    let head = Head::new(&HeadConfig { n_features: 4, hidden: vec![8, 8], n_classes: 2 }, 0).unwrap();
    let features = tensor(&rows(3, 4), 3);
    let _ = head.forward(&features).unwrap();
    assert_eq!(values(&features), rows(3, 4));
}

#[test]
fn what_is_trained_is_the_heads_own() {
    let head = Head::new(&HeadConfig::linear(4, 2), 0).unwrap();
    let before = values(&head.forward(&tensor(&rows(1, 4), 1)).unwrap());
    let _guard = tch::no_grad_guard();
    for (_, mut parameter) in head.trainable() {
        assert!(parameter.requires_grad());
        let _ = parameter.g_add_scalar_(1.0);
    }
    assert_ne!(values(&head.forward(&tensor(&rows(1, 4), 1)).unwrap()), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_head_comes_back_from_its_parameters(
        hidden in proptest::collection::vec(1usize..6, 0..3), n_classes in 1usize..4, seed: u64
    ) {
        let config = HeadConfig { n_features: 5, hidden, n_classes };
        let head = Head::new(&config, seed).unwrap();
        let again = Head::from_tensors(&config, copies(&Head::new(&config, seed).unwrap())).unwrap();
        let features = tensor(&rows(3, 5), 3);
        prop_assert_eq!(values(&head.forward(&features).unwrap()), values(&again.forward(&features).unwrap()));
    }
}
