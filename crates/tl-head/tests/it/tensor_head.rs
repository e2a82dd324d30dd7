//! The form for autograd against the head itself.

use std::collections::BTreeMap;

use tch::Tensor;
use tl_head::{Head, HeadConfig, HeadError, TensorHead};

use crate::{assert_close, rows, tensor, values};

fn linear() -> TensorHead {
    TensorHead::of(&Head::new(&HeadConfig::linear(4, 2), 0).unwrap()).unwrap()
}

#[test]
fn it_gives_the_heads_logits_for_any_number_of_rows() {
    for hidden in [vec![], vec![40], vec![129, 64, 33]] {
        let config = HeadConfig { n_features: 50, hidden, n_classes: 7 };
        let head = Head::new(&config, 3).unwrap();
        let tensors = TensorHead::of(&head).unwrap();
        for n in [1, 2, 64, 65, 150] {
            let wanted = tensors.forward(&tensor(&rows(n, 50), n)).unwrap();
            assert_close(&head.logits(&rows(n, 50)).unwrap(), &values(&wanted), 2e-5);
        }
        let back = tensors.to_head().unwrap();
        assert_eq!(back.logits(&rows(2, 50)).unwrap(), head.logits(&rows(2, 50)).unwrap());
    }
}

#[test]
fn what_does_not_fit_is_refused_with_names_and_shapes() {
    let config = HeadConfig::linear(4, 2);
    let tensors = BTreeMap::from([("layers.0.bias".to_owned(), Tensor::from_slice(&[0f32; 3]))]);
    let HeadError::Parameters { problems, .. } = TensorHead::from_tensors(&config, tensors).unwrap_err() else {
        panic!()
    };
    assert_eq!(problems, ["layers.0.bias has shape [3] and not [2]", "layers.0.weight is missing"]);
    let error = linear().forward(&tensor(&rows(2, 5), 2)).unwrap_err().to_string();
    assert_eq!(error, "features must have shape [N, 4], but has [2, 5]");
    assert!(linear().forward(&Tensor::from_slice(&[1f32, 2.0, 3.0, 4.0])).is_err());
}

#[test]
fn forward_leaves_the_features_alone() {
    let head = Head::new(&HeadConfig { n_features: 4, hidden: vec![8, 8], n_classes: 2 }, 0).unwrap();
    let features = tensor(&rows(3, 4), 3);
    let _ = TensorHead::of(&head).unwrap().forward(&features).unwrap();
    assert_eq!(values(&features), rows(3, 4));
}

#[test]
fn what_is_trained_is_the_heads_own() {
    let head = linear();
    let before = values(&head.forward(&tensor(&rows(1, 4), 1)).unwrap());
    let _guard = tch::no_grad_guard();
    for (_, mut parameter) in head.trainable() {
        assert!(parameter.requires_grad());
        let _ = parameter.g_add_scalar_(1.0);
    }
    assert_ne!(values(&head.forward(&tensor(&rows(1, 4), 1)).unwrap()), before);
}
