//! The inference form against the trainable form, and what it promises.

use std::thread;

use proptest::prelude::*;
use tl_backbone::{Backbone, BackboneError, CompileOptions, Engine, Network, Networks, Precision};
use tl_torch::{set_intra_op_threads, to_vec_f32};

use crate::support::{NAMES, normalised, pictures, relative_error, weights};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    /// Folding, packing and turned pictures change nothing, for even and odd sides at every depth.
    #[test]
    fn inference_form_equals_trainable_form(
        side in 33_usize..=80, n in 1_usize..=3, name in 0_usize..3, is_auto: bool, n_blocks in 1_usize..30,
    ) {
        let weights = weights(NAMES[name]);
        let pixels = pictures(n, side);
        let mut options = CompileOptions::default();
        (options.batch, options.side) = (2, Some(side as u32));
        options.engine = if is_auto { Engine::Auto } else { Engine::OneDnn };
        let fast = Network::compile_with(&weights, &options).unwrap().features(&pixels, n).unwrap();
        let _guard = tch::no_grad_guard();
        let x = normalised(&pixels, n, side, &weights.spec().preprocessing);
        let slow = Backbone::new(&weights).unwrap().forward_features(&x).unwrap();
        prop_assert!(relative_error(&fast, &slow) < 2e-5);
        let backbone = Backbone::new(&weights).unwrap();
        let n_blocks = n_blocks.min(backbone.n_blocks());
        options.n_blocks = Some(n_blocks);
        let fast = Network::compile_with(&weights, &options).unwrap().activations(&pixels, n).unwrap();
        let slow = (0..n_blocks).fold(x, |x, block| backbone.forward_block(block, &x).unwrap());
        prop_assert_eq!(fast.size(), slow.size());
        prop_assert!(relative_error(&fast, &slow) < 2e-5);
    }
}

#[test]
fn a_photo_has_the_same_bits_wherever_it_stands_in_the_batch() {
    let weights = weights("mobilenet_v1");
    let network = Network::compile(&weights, Precision::F32, 2).unwrap();
    let pixels = pictures(2, 224);
    let (first, second) = pixels.split_at(pixels.len() / 2);
    let there = to_vec_f32(&network.features(&pixels, 2).unwrap()).unwrap();
    let back = to_vec_f32(&network.features(&[second, first].concat(), 2).unwrap()).unwrap();
    assert_eq!(there[..1024], back[1024..]);
    assert_eq!(there[1024..], back[..1024]);
}

#[test]
fn every_thread_gives_the_same_bits() {
    for engine in [Engine::Auto, Engine::OneDnn] {
        let mut options = CompileOptions::default();
        options.engine = engine;
        let networks = Networks::new(&weights("mobilenet_v3_small"), options);
        let (one, other) = (pictures(1, 224), vec![90; 224 * 224 * 3]);
        let alone = networks.for_thread().unwrap();
        let wanted = [&one, &other].map(|pixels| alone.rows(pixels, 1).unwrap());
        assert_ne!(wanted[0], wanted[1]);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    set_intra_op_threads(1);
                    let network = networks.for_thread().unwrap();
                    for _ in 0..3 {
                        assert_eq!([&one, &other].map(|pixels| network.rows(pixels, 1).unwrap()), wanted);
                    }
                });
            }
        });
    }
}

#[test]
fn int8_is_refused_where_activations_have_no_bounds_or_units_of_their_own() {
    for (name, n_blocks) in [("mobilenet_v3_small", None), ("mobilenet_v1", Some(3))] {
        let mut options = CompileOptions::default();
        (options.precision, options.n_blocks) = (Precision::Int8, n_blocks);
        let error = Network::compile_with(&weights(name), &options).unwrap_err();
        assert!(error.to_string().contains("use int16, bf16 or f32"), "{error}");
    }
}

#[test]
fn no_gradient_is_kept() {
    let network = Network::compile(&weights("mobilenet_v2"), Precision::F32, 1).unwrap();
    assert!(!network.features(&pictures(1, 224), 1).unwrap().requires_grad());
}

#[test]
fn a_wrong_number_of_pixels_is_an_error() {
    let network = Network::compile(&weights("mobilenet_v1"), Precision::F32, 1).unwrap();
    for (pixels, n) in [(vec![0; 10], 1), (vec![], 0), (pictures(1, 224), 2)] {
        let error = network.features(&pixels, n).unwrap_err();
        assert!(matches!(error, BackboneError::Pixels { side: 224, .. }), "{error}");
    }
}
