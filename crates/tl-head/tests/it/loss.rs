//! Cross-entropy and class weights.

use proptest::prelude::*;
use tch::Kind;
use tl_head::{
    LogisticOptions, LossOptions, balanced_class_weights, binary_cross_entropy, cross_entropy, fit_logistic, loss_on,
};

use crate::{label_tensor, labels, rows, tensor, values};

fn error(logits_width: usize, labels: &[usize], options: &LossOptions) -> String {
    let logits = tensor(&rows(2, logits_width), 2);
    cross_entropy(&logits, &label_tensor(labels), options).unwrap_err().to_string()
}

#[test]
fn what_makes_no_sense_is_refused() {
    let plain = LossOptions::default();
    let with =
        |class_weights: &[f32]| LossOptions { class_weights: Some(class_weights.to_vec()), ..LossOptions::default() };
    assert!(error(3, &[0, 3], &plain).contains("out of bounds"));
    assert!(error(3, &[0], &plain).contains("labels must have shape [2] i64, but has [1]"));
    assert!(error(3, &[0, 1], &with(&[1.0, 2.0])).contains("one number per class"));
    assert!(error(3, &[0, 1], &with(&[1.0, f32::NAN, 1.0])).contains("one number per class"));
    assert!(error(3, &[0, 1], &with(&[0.0, 0.0, 0.0])).contains("not all 0"));
    let smoothing = LossOptions { label_smoothing: 1.0, ..LossOptions::default() };
    assert!(error(3, &[0, 1], &smoothing).contains("label smoothing is 1"));
    let focal = |focal_gamma| LossOptions { focal_gamma, ..LossOptions::default() };
    assert!(error(3, &[0, 1], &focal(-1.0)).contains("gamma of the focal loss is -1"));
    let fitting = LogisticOptions { loss: focal(2.0), ..LogisticOptions::default() };
    let refused = fit_logistic(&rows(2, 3), &[0, 1], 2, 0.1, &fitting).unwrap_err().to_string();
    assert!(refused.contains("a logistic fit is one of cross-entropy"), "{refused}");
    let logits = tensor(&rows(2, 3), 2);
    assert!(cross_entropy(&logits, &label_tensor(&[0, 1]).to_kind(Kind::Float), &plain).is_err());
}

#[test]
fn binary_cross_entropy_takes_rows_as_wide_as_the_logits_and_no_weights() {
    let (logits, targets) = (tensor(&rows(2, 3), 2), tensor(&[1.0, 0.0, 0.0, 1.0, 1.0, 1.0], 2));
    let loss = |targets: &tch::Tensor, options| loss_on(&logits, targets, &options);
    assert!(loss(&targets, LossOptions::default()).is_ok());
    let error = loss(&targets.narrow(1, 0, 2), LossOptions::default()).unwrap_err().to_string();
    assert!(error.contains("[2, 3] f32") && error.contains("[2, 2]"), "{error}");
    assert!(binary_cross_entropy(&logits, &label_tensor(&[0, 1]), &LossOptions::default()).is_err());
    for options in [
        LossOptions { class_weights: Some(vec![1.0; 3]), ..LossOptions::default() },
        LossOptions { focal_gamma: 2.0, ..LossOptions::default() },
    ] {
        assert!(loss(&targets, options).unwrap_err().to_string().contains("none with binary cross-entropy"));
    }
}

#[test]
fn equal_weights_change_nothing() {
    let (logits, labels) = (tensor(&rows(9, 4), 9), label_tensor(&labels(9, 4)));
    let loss = |class_weights| {
        let options = LossOptions { class_weights, label_smoothing: 0.1, ..LossOptions::default() };
        cross_entropy(&logits, &labels, &options).unwrap().double_value(&[])
    };
    assert!((loss(None) - loss(Some(vec![3.0; 4]))).abs() < 1e-6);
}

#[test]
fn a_class_without_examples_weighs_nothing() {
    assert_eq!(balanced_class_weights(&[10, 0, 30]), [2.0, 0.0, 2.0 / 3.0]);
    assert_eq!(balanced_class_weights(&[0, 0]), [0.0, 0.0]);
}

/// Where `1 - p` is zero in f32, and gamma below 1 has an endless slope.
#[test]
fn the_focal_loss_of_a_sure_head_has_finite_gradients() {
    for focal_gamma in [0.5, 1.0, 2.0] {
        let logits = tensor(&[200.0, -200.0, 0.0, -200.0, 200.0, 0.0], 2).set_requires_grad(true);
        let options = LossOptions { focal_gamma, ..LossOptions::default() };
        cross_entropy(&logits, &label_tensor(&[0, 0]), &options).unwrap().backward();
        let gradient = values(&logits.grad());
        assert!(gradient.iter().all(|g| g.is_finite()) && gradient[3] < -0.4, "{focal_gamma}: {gradient:?}");
    }
}

proptest! {
    #[test]
    fn balanced_classes_count_alike_and_one_on_average(counts in proptest::collection::vec(1usize..500, 1..9)) {
        let weights = balanced_class_weights(&counts);
        let masses: Vec<f64> = counts.iter().zip(&weights).map(|(&n, &w)| n as f64 * f64::from(w)).collect();
        let n: usize = counts.iter().sum();
        for mass in masses {
            prop_assert!((mass / (n as f64 / counts.len() as f64) - 1.0).abs() < 1e-6);
        }
    }
}
