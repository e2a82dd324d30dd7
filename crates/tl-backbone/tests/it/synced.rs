//! The form that is trained in parts against the folded one.

use std::collections::BTreeMap;

use tch::{Kind, Tensor};
use tl_backbone::{Backbone, BatchNorm, Precision};
use tl_torch::{thread_pool, to_vec_f32};

use crate::{
    folded::difference,
    support::{NAMES, normalised, pictures, weights},
};

fn backbone(name: &str, norm: BatchNorm) -> (Backbone, Tensor) {
    let mut backbone = Backbone::new(&weights(name)).unwrap();
    backbone.train_from(0, norm).unwrap();
    (backbone, normalised(&pictures(4, 64), 4, 64, &weights(name).spec().preprocessing))
}

/// Features of pictures in parts, and what a loss of the sum of `features · weighing` says of the parameters.
fn in_parts(backbone: &Backbone, x: &Tensor, parts: &[i64], n_threads: usize) -> (Tensor, BTreeMap<String, Tensor>) {
    let pool = thread_pool(n_threads).unwrap();
    let mut batch = backbone.synced(&x.split_with_sizes(parts, 0)).unwrap();
    let features = batch.features(&pool).unwrap();
    let gradients = batch.gradients(&weighing(&features), &pool).unwrap();
    (features, gradients)
}

fn weighing(features: &Tensor) -> Tensor {
    let n = features.size()[1];
    let row = Tensor::arange(n, (Kind::Float, tch::Device::Cpu)).cos();
    Tensor::arange(features.size()[0], (Kind::Float, tch::Device::Cpu)).view([-1, 1]) * row + 1.0
}

/// With fixed statistics both compute the same, one by autograd: also squeeze and excite, and residuals.
#[test]
fn gradients_with_fixed_statistics_are_those_of_the_folded_form() {
    for name in NAMES {
        let (backbone, x) = backbone(name, BatchNorm::Frozen);
        let (features, found) = in_parts(&backbone, &x, &[1, 3], 2);
        let folded = backbone.fold(Precision::F32).unwrap().share().unwrap();
        let plain = folded.forward(&x).unwrap();
        assert!(difference(&plain, &features) < 1e-4, "{name}");
        let leaves: Vec<&Tensor> = folded.leaves().collect();
        let loss = (&plain * weighing(&plain)).sum(Kind::Float);
        let wanted = backbone.unfold(&Tensor::f_run_backward(&[loss], &leaves, false, false).unwrap()).unwrap();
        assert_eq!(wanted.len(), found.len(), "{name}");
        for (tensor, wanted) in &wanted {
            let difference = difference(wanted, &found[tensor]);
            // Activations at relu6's corners, where a gradient jumps, come to lie on either side.
            assert!(difference < 5e-2, "{name}, {tensor}: {difference}");
        }
    }
}

#[test]
fn statistics_are_those_of_all_parts_and_bits_do_not_depend_on_threads() {
    for name in NAMES {
        let of = |parts: &[i64], n_threads| {
            let (backbone, x) = backbone(name, BatchNorm::Batch);
            let (features, gradients) = in_parts(&backbone, &x, parts, n_threads);
            let statistics = backbone.tensors().filter(|(name, _)| name.contains("running_"));
            let values = gradients.values().chain(statistics.map(|(_, tensor)| tensor));
            (features, values.flat_map(|tensor| to_vec_f32(tensor).unwrap()).collect::<Vec<f32>>())
        };
        let (whole, (parts, one), (_, three)) = (of(&[4], 1).0, of(&[1, 2, 1], 1), of(&[1, 2, 1], 3));
        assert!(difference(&whole, &parts) < 1e-3, "{name}");
        assert!(one == three, "{name}");
    }
}
