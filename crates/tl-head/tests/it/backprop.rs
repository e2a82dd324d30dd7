//! Gradients written out, against autograd's.

use std::{collections::BTreeMap, sync::Mutex};

use tch::Tensor;
use tl_head::{
    Backprop, Head, HeadConfig, HeadError, LossOptions, RowLoss, Targets, TensorHead, cross_entropy, row_loss,
};

use crate::{assert_close, label_tensor, labels, rows, tensor, values};

fn options(focal_gamma: f64) -> LossOptions {
    LossOptions { class_weights: Some(vec![1.0, 2.0, 0.5]), label_smoothing: 0.1, focal_gamma }
}

/// Gradients of weight and bias by layer and block.
type Gradients = BTreeMap<(usize, usize), [Vec<f32>; 2]>;

/// The step's gradients, logits and loss; nothing is moved.
fn run(backprop: &mut Backprop, features: &[f32], labels: &[usize], gamma: f64) -> (Gradients, Vec<f32>, f64) {
    let gradients = Mutex::new(Gradients::new());
    let targets = Targets::Labels(labels.to_vec());
    let loss = |logits: &[f32]| row_loss(logits, 3, &targets, &options(gamma));
    let (logits, value) = backprop
        .run::<HeadError>(features, loss, &|own, gradient| {
            let both = [gradient.weight.to_vec(), gradient.bias.to_vec()];
            assert!(gradients.lock().unwrap().insert((own.layer, own.block), both).is_none());
        })
        .unwrap();
    let logits = logits.to_vec();
    (gradients.into_inner().unwrap(), logits, value)
}

/// Those of a layer, one block behind the other.
fn of_layer(gradients: &Gradients, layer: usize) -> [Vec<f32>; 2] {
    let blocks = || gradients.iter().filter(|((l, _), _)| *l == layer).map(|(_, both)| both);
    [0, 1].map(|i| blocks().flat_map(|both| both[i].iter().copied()).collect())
}

/// Sizes on both sides of a block, and the two batch sizes of an epoch in turn.
#[test]
fn gradients_are_those_of_autograd() {
    for hidden in [vec![], vec![5], vec![300, 129]] {
        let config = HeadConfig { n_features: 40, hidden, n_classes: 3 };
        let head = Head::new(&config, 7).unwrap();
        let (mut backprop, for_autograd) = (Backprop::new(&head), TensorHead::of(&head).unwrap());
        for (n, gamma) in [(32, 0.0), (7, 0.0), (32, 2.0)] {
            let (features, labels) = (rows(n, 40), labels(n, 3));
            let (found, logits, value) = run(&mut backprop, &features, &labels, gamma);
            assert_eq!(backprop.logits(&features).unwrap(), logits);

            let handles = for_autograd.trainable();
            let wanted_logits = for_autograd.forward(&tensor(&features, n)).unwrap();
            let wanted = cross_entropy(&wanted_logits, &label_tensor(&labels), &options(gamma)).unwrap();
            let parameters: Vec<&Tensor> = handles.iter().map(|(_, tensor)| tensor).collect();
            let gradients = Tensor::f_run_backward(&[&wanted], &parameters, false, false).unwrap();
            assert!((value - wanted.double_value(&[])).abs() < 1e-6);
            assert_near(&logits, &wanted_logits, "logits");
            for (i, wanted) in gradients.chunks(2).enumerate() {
                let [weight, bias] = of_layer(&found, i);
                assert_near(&weight, &wanted[0], &format!("weight {i}"));
                assert_near(&bias, &wanted[1], &format!("bias {i}"));
            }
        }
    }
}

#[test]
fn the_same_bits_for_any_number_of_threads() {
    let config = HeadConfig { n_features: 257, hidden: vec![300, 200], n_classes: 3 };
    let gradients = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let mut backprop = Backprop::new(&Head::new(&config, 0).unwrap());
        pool.install(|| run(&mut backprop, &rows(33, 257), &labels(33, 3), 0.0))
    };
    let alone = gradients(1);
    assert!(alone.0.values().flatten().flatten().any(|g| *g != 0.0));
    for n_threads in [2, 3] {
        assert_eq!(gradients(n_threads), alone, "{n_threads} threads");
    }
}

/// Blocks that are changed while others are still being computed, in the step and by themselves.
#[test]
fn what_takes_the_blocks_may_move_them() {
    let config = HeadConfig { n_features: 40, hidden: vec![300, 129], n_classes: 3 };
    let head = Head::new(&config, 7).unwrap();
    let mut still = Backprop::new(&head);
    let (gradients, ..) = run(&mut still, &rows(9, 40), &labels(9, 3), 0.0);
    let mut moving = Backprop::new(&head);
    let targets = Targets::Labels(labels(9, 3));
    let loss = |logits: &[f32]| row_loss(logits, 3, &targets, &options(0.0));
    moving
        .run::<HeadError>(&rows(9, 40), loss, &|own, gradient| {
            own.weight.iter_mut().zip(gradient.weight).for_each(|(w, g)| *w -= g);
            own.bias.iter_mut().zip(gradient.bias).for_each(|(b, g)| *b -= g);
        })
        .unwrap();
    still.for_each_block(&|own| {
        let [weight, bias] = &gradients[&(own.layer, own.block)];
        own.weight.iter_mut().zip(weight).for_each(|(w, g)| *w -= g);
        own.bias.iter_mut().zip(bias).for_each(|(b, g)| *b -= g);
    });
    let (moving, still) = (moving.head().unwrap(), still.head().unwrap());
    for ((name, found), (_, wanted)) in moving.parameters().into_iter().zip(still.parameters()) {
        assert_eq!(found.values(), wanted.values(), "{name}");
    }
    assert_ne!(moving.logits(&rows(2, 40)).unwrap(), head.logits(&rows(2, 40)).unwrap());
}

#[test]
fn a_gradient_of_another_length_is_refused() {
    let mut step = Backprop::new(&Head::new(&HeadConfig::linear(4, 3), 1).unwrap());
    let short = |_: &[f32]| Ok(RowLoss { value: 1.0, gradient: vec![0.0; 5] });
    let error = step.run::<HeadError>(&rows(2, 4), short, &|_, _| panic!("nothing is to be moved")).unwrap_err();
    assert!(error.to_string().contains("gradient must have shape [6]"), "{error}");
}

#[test]
fn a_loss_that_is_no_number_moves_nothing() {
    let mut backprop = Backprop::new(&Head::new(&HeadConfig::linear(4, 3), 0).unwrap());
    let features = [f32::NAN; 8];
    let (gradients, _, value) = run(&mut backprop, &features, &[0, 1], 0.0);
    assert!(value.is_nan() && gradients.is_empty());
}

#[test]
fn features_of_another_width_or_of_no_rows_are_refused() {
    let mut backprop = Backprop::new(&Head::new(&HeadConfig::linear(4, 3), 0).unwrap());
    for features in [rows(2, 5), Vec::new()] {
        let error = backprop.logits(&features).unwrap_err();
        assert!(error.to_string().contains("[N, 4]"), "{error}");
    }
}

fn assert_near(found: &[f32], wanted: &Tensor, what: &str) {
    let wanted = values(wanted);
    let size = wanted.iter().fold(1e-6f32, |a, b| a.max(b.abs()));
    assert!(wanted.iter().any(|w| *w != 0.0), "{what}");
    assert_close(found, &wanted, 1e-5 * size);
}
