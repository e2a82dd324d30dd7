//! Losses on rows of numbers against those on tensors, which the golden numbers check.

use proptest::prelude::*;
use tch::Tensor;
use tl_head::{LossOptions, Targets, loss_on, mixed_cross_entropy, mixed_row_loss, row_loss};

use crate::{assert_close, labels, rows, tensor, values};

/// Value and gradient by autograd.
fn by_autograd(logits: &[f32], n: usize, targets: &[(Targets, f64)], options: &LossOptions) -> (f64, Vec<f32>) {
    let logits = tensor(logits, n).set_requires_grad(true);
    let targets: Vec<(Tensor, f64)> = targets.iter().map(|(t, share)| (t.to_tensor().unwrap(), *share)).collect();
    let loss = mixed_cross_entropy(&logits, &targets, options).unwrap();
    loss.backward();
    (loss.double_value(&[]), values(&logits.grad()))
}

fn several(n: usize, n_classes: usize) -> Targets {
    Targets::Several { rows: (0..n * n_classes).map(|i| (i * i / 3 % 2) as f32).collect(), n_classes }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let (plain, targets) = (LossOptions::default(), Targets::Labels(vec![0, 3]));
    let error =
        |logits: &[f32], targets: &Targets, options| row_loss(logits, 3, targets, options).unwrap_err().to_string();
    assert!(error(&rows(2, 3), &targets, &plain).contains("row 1 has label 3"));
    assert!(error(&rows(3, 3), &targets, &plain).contains("logits must have shape [2, 3]"));
    assert!(error(&[], &Targets::Labels(Vec::new()), &plain).contains("a row"));
    assert!(error(&rows(2, 3), &several(2, 4), &plain).contains("targets must have shape [2, 3], but has [2, 4]"));
    let weighted = LossOptions { class_weights: Some(vec![1.0; 2]), ..LossOptions::default() };
    assert!(error(&rows(2, 3), &Targets::Labels(vec![0, 1]), &weighted).contains("one number per class"));
    let focal = LossOptions { focal_gamma: 2.0, ..LossOptions::default() };
    assert!(error(&rows(2, 3), &several(2, 3), &focal).contains("none with binary cross-entropy"));
}

#[test]
fn rows_that_count_nothing_are_nothing_to_learn_from() {
    let options = LossOptions { class_weights: Some(vec![0.0, 1.0]), ..LossOptions::default() };
    let loss = row_loss(&rows(2, 2), 2, &Targets::Labels(vec![0, 0]), &options).unwrap();
    assert_eq!((loss.value, loss.gradient), (0.0, vec![0.0; 4]));
}

#[test]
fn a_sure_head_has_finite_gradients_as_by_autograd() {
    let logits = [200.0, -200.0, 0.0, -200.0, 200.0, 0.0];
    for focal_gamma in [0.0, 0.5, 1.0, 2.0] {
        let options = LossOptions { focal_gamma, ..LossOptions::default() };
        let targets = Targets::Labels(vec![0, 0]);
        let found = row_loss(&logits, 3, &targets, &options).unwrap();
        let (value, gradient) = by_autograd(&logits, 2, &[(targets, 1.0)], &options);
        assert!((found.value - value).abs() < 1e-4, "{focal_gamma}: {} and {value}", found.value);
        assert_close(&found.gradient, &gradient, 1e-5);
    }
    let extreme = row_loss(&[1e4, -1e4], 2, &several(1, 2), &LossOptions::default()).unwrap();
    assert!(extreme.value.is_finite() && extreme.gradient.iter().all(|g| g.is_finite()));
}

#[test]
fn hits_are_counted_for_labels_and_for_sets_of_classes() {
    let logits = [0.0, 1.0, 1.0, 0.5, -1.0, -2.0];
    assert_eq!(Targets::Labels(vec![1, 0]).n_correct(&logits, 3), 2, "the first of two that tie");
    assert_eq!(Targets::Labels(vec![2, 2]).n_correct(&logits, 3), 0);
    let several = |rows: [f32; 6]| Targets::Several { rows: rows.to_vec(), n_classes: 3 }.n_correct(&logits, 3);
    assert_eq!(several([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]), 2);
    assert_eq!(several([0.0, 1.0, 1.0, 1.0, 0.0, 1.0]), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn they_are_those_of_autograd(
        n in 1usize..9, n_classes in 2usize..6, focal in 0usize..3, smoothing in 0usize..2, is_weighted: bool, share in 0.0f64..1.0
    ) {
        let options = LossOptions {
            class_weights: is_weighted.then(|| (1..=n_classes).map(|class| class as f32 / 2.0).collect()),
            label_smoothing: smoothing as f64 / 5.0,
            focal_gamma: focal as f64 * 0.75,
        };
        let logits = rows(n, n_classes);
        let mut targets = vec![(Targets::Labels(labels(n, n_classes)), share)];
        targets.push((targets[0].0.select(&(0..n).rev().collect::<Vec<_>>()), 1.0 - share));
        let found = mixed_row_loss(&logits, n_classes, &targets, &options).unwrap();
        let (value, gradient) = by_autograd(&logits, n, &targets, &options);
        prop_assert!((found.value - value).abs() < 1e-5 * value.abs().max(1.0));
        assert_close(&found.gradient, &gradient, 1e-6);
    }

    #[test]
    fn they_are_those_of_autograd_for_sets_of_classes(n in 1usize..9, n_classes in 1usize..6, smoothing in 0usize..2) {
        let options = LossOptions { label_smoothing: smoothing as f64 / 5.0, ..LossOptions::default() };
        let (logits, targets) = (rows(n, n_classes), several(n, n_classes));
        let found = row_loss(&logits, n_classes, &targets, &options).unwrap();
        let (value, gradient) = by_autograd(&logits, n, &[(targets.clone(), 1.0)], &options);
        prop_assert!((found.value - value).abs() < 1e-5);
        assert_close(&found.gradient, &gradient, 1e-6);
        prop_assert_eq!(loss_on(&tensor(&logits, n), &targets.to_tensor().unwrap(), &options).unwrap().double_value(&[]), value);
    }
}

#[test]
fn targets_that_do_not_fit_the_logits_are_refused() {
    let options = LossOptions::default();
    let cut = Targets::Several { rows: vec![1.0; 5], n_classes: 2 };
    let error = row_loss(&[0.0; 4], 2, &cut, &options).unwrap_err().to_string();
    assert!(error.contains("targets must have shape [2, 2], but has [5]"), "{error}");
    let error = mixed_row_loss(&[0.0; 4], 2, &[], &options).unwrap_err().to_string();
    assert!(error.contains("targets must have shape [N, 2] or [N], a part at least"), "{error}");
}
