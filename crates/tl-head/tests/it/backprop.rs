//! Gradients written out, against autograd's.

use tch::Tensor;
use tl_head::{Backprop, Head, HeadConfig, HeadError, LossOptions, cross_entropy};

use crate::{label_tensor, labels, rows, tensor, values};

fn loss(labels: &Tensor) -> impl FnOnce(&Tensor) -> Result<Tensor, HeadError> {
    focal_loss(labels, 0.0)
}

fn focal_loss(labels: &Tensor, focal_gamma: f64) -> impl FnOnce(&Tensor) -> Result<Tensor, HeadError> {
    let options = LossOptions { class_weights: Some(vec![1.0, 2.0, 0.5]), label_smoothing: 0.1, focal_gamma };
    move |logits| cross_entropy(logits, labels, &options)
}

/// Sizes on both sides of a block, and the two batch sizes of an epoch in turn.
#[test]
fn gradients_are_those_of_autograd() {
    for hidden in [vec![], vec![5], vec![300, 129]] {
        let config = HeadConfig { n_features: 40, hidden, n_classes: 3 };
        let head = Head::new(&config, 7).unwrap();
        let mut backprop = Backprop::new(&head).unwrap();
        let pool = tl_torch::thread_pool(2).unwrap();
        for (n, gamma) in [(32, 0.0), (7, 0.0), (32, 2.0)] {
            let features = tensor(&rows(n, 40), n);
            let labels = label_tensor(&labels(n, 3));
            let (logits, value) = backprop.run(&features, &pool, focal_loss(&labels, gamma)).unwrap();

            let handles = head.trainable();
            let wanted_logits = head.forward(&features).unwrap();
            let wanted = focal_loss(&labels, gamma)(&wanted_logits).unwrap();
            let parameters: Vec<&Tensor> = handles.iter().map(|(_, tensor)| tensor).collect();
            let gradients = Tensor::f_run_backward(&[&wanted], &parameters, false, false).unwrap();
            assert!((value - wanted.double_value(&[])).abs() < 1e-6);
            assert_near(&logits, &wanted_logits, "logits");
            assert_eq!(values(&backprop.logits(&features, &pool).unwrap()), values(&logits));
            assert_eq!(backprop.gradients().len(), gradients.len());
            for ((name, _), (found, wanted)) in handles.iter().zip(backprop.gradients().iter().zip(&gradients)) {
                assert_near(found, wanted, name);
            }
        }
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let config = HeadConfig { n_features: 257, hidden: vec![300, 200], n_classes: 3 };
    let features = tensor(&rows(33, 257), 33);
    let labels = label_tensor(&labels(33, 3));
    let gradients = |n_threads| {
        let head = Head::new(&config, 0).unwrap();
        let mut backprop = Backprop::new(&head).unwrap();
        let _ = backprop.run(&features, &tl_torch::thread_pool(n_threads).unwrap(), loss(&labels)).unwrap();
        backprop.gradients().iter().map(values).collect::<Vec<_>>()
    };
    let alone = gradients(1);
    assert!(alone.iter().flatten().any(|g| *g != 0.0));
    for n_threads in [2, 3] {
        assert_eq!(gradients(n_threads), alone, "{n_threads} threads");
    }
}

#[test]
fn features_of_another_width_are_refused() {
    let head = Head::new(&HeadConfig::linear(4, 3), 0).unwrap();
    let pool = tl_torch::thread_pool(1).unwrap();
    let labels = label_tensor(&labels(2, 3));
    let error = Backprop::new(&head).unwrap().run(&tensor(&rows(2, 5), 2), &pool, loss(&labels)).unwrap_err();
    assert!(error.to_string().contains("[2, 4]"), "{error}");
}

fn assert_near(found: &Tensor, wanted: &Tensor, what: &str) {
    let difference = (found - wanted).abs().max().double_value(&[]);
    let size = wanted.abs().max().double_value(&[]).max(1e-6);
    assert!(difference <= 1e-5 * size, "{what}: {difference} of {size}");
}
