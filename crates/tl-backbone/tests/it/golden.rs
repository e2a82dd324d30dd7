//! Parity with independent implementations: `golden/make_golden.py` ran torchvision's modules, and a V1 of
//! its own on the TensorFlow graph's tensors, in float64.

use tl_backbone::{Backbone, Engine, Network, Precision, Weights};

use crate::support::{NAMES, golden, normalised, pictures, relative_error, rows, top5, weights};

#[test]
fn pictures_are_those_of_the_script() {
    let pixels = pictures(4, 224);
    for name in NAMES {
        let golden = golden(name);
        let sum: u64 = pixels.iter().map(|&p| u64::from(p)).sum();
        assert_eq!(golden["pixel_sum"], sum);
        let first = ((224 + 100) * 224 + 100) * 3;
        let shown: Vec<&[u8]> = pixels[first..first + 12].chunks(3).collect();
        assert_eq!(golden["first_pixels"], serde_json::json!(shown));
    }
}

#[test]
fn inference_form_gives_the_golden_features_and_logits() {
    for name in NAMES {
        for engine in [Engine::Auto, Engine::OneDnn] {
            check_network(&weights(name), Precision::F32, engine, 1e-5);
        }
    }
}

#[test]
fn plain_operators_give_the_golden_features_and_logits() {
    for name in NAMES {
        check_network(&weights(name), Precision::F32, Engine::Plain, 1e-5);
    }
}

#[test]
fn bf16_is_near_the_golden_features() {
    if Precision::auto_for_training() == Precision::F32 {
        println!("skipped: this processor has no bf16");
        return;
    }
    for name in NAMES {
        for engine in [Engine::Auto, Engine::OneDnn] {
            check_network(&weights(name), Precision::Bf16, engine, 2e-2);
        }
    }
}

#[test]
fn int16_is_nearer_to_the_golden_features_than_bf16() {
    if !Network::has_kernels(Precision::Int16) {
        println!("skipped: this processor has no kernels for int16");
        return;
    }
    for (name, tolerance) in [("mobilenet_v1", 3e-3), ("mobilenet_v2", 6e-3), ("mobilenet_v3_small", 8e-3)] {
        check_network(&weights(name), Precision::Int16, Engine::Auto, tolerance);
    }
}

/// Bytes are coarser; a wrong scale, zero or range anywhere gives far more than this.
#[test]
fn int8_is_near_the_golden_features_of_every_engine() {
    for (name, tolerance) in [("mobilenet_v1", 8e-2), ("mobilenet_v2", 1.5e-1)] {
        for engine in [Engine::Auto, Engine::OneDnn, Engine::Plain] {
            check_network(&weights(name), Precision::Int8, engine, tolerance);
        }
    }
}

#[test]
fn trainable_form_gives_the_golden_features_and_logits() {
    let _guard = tch::no_grad_guard();
    for name in NAMES {
        let weights = weights(name);
        let golden = golden(name);
        let backbone = Backbone::new(&weights).unwrap();
        let x = normalised(&pictures(4, 224), 4, 224, &weights.spec().preprocessing);
        let features = backbone.forward_features(&x).unwrap();
        assert!(relative_error(&features.narrow(0, 0, 2), &rows(&golden["features"])) < 1e-5, "{name}");
        let logits = backbone.logits(&features).unwrap();
        assert!(relative_error(&logits.narrow(0, 0, 2), &rows(&golden["logits"])) < 1e-5, "{name}");
        assert_eq!(golden["top5"], serde_json::json!(top5(&logits)), "{name}");
    }
}

/// Block by block, so that a wrong one is named.
#[test]
fn blocks_have_the_golden_shapes_and_means() {
    let _guard = tch::no_grad_guard();
    for name in NAMES {
        let weights = weights(name);
        let backbone = Backbone::new(&weights).unwrap();
        let golden = golden(name);
        let mut layers: Vec<_> = golden["layers"].as_array().unwrap().iter().collect();
        if name == "mobilenet_v1" {
            // The script lists each convolution, our blocks end with every second.
            layers = layers.into_iter().step_by(2).collect();
        }
        assert_eq!(backbone.n_blocks(), layers.len(), "{name}");
        let mut x = normalised(&pictures(4, 224), 4, 224, &weights.spec().preprocessing);
        for (block, layer) in layers.iter().enumerate() {
            x = backbone.forward_block(block, &x).unwrap();
            assert_eq!(layer["shape"], serde_json::json!(x.size()), "{name}, block {block}");
            let (mean, abs_mean) = (x.mean(None), x.abs().mean(None));
            let wanted = layer["abs_mean"].as_f64().unwrap();
            assert!((abs_mean.double_value(&[]) - wanted).abs() < 1e-5 * wanted, "{name}, block {block}");
            let wanted_mean = layer["mean"].as_f64().unwrap();
            assert!((mean.double_value(&[]) - wanted_mean).abs() < 1e-5 * wanted, "{name}, block {block}");
        }
    }
}

fn check_network(weights: &Weights, precision: Precision, engine: Engine, tolerance: f64) {
    let name = weights.spec().name;
    let golden = golden(name);
    let mut options = tl_backbone::CompileOptions::default();
    (options.precision, options.batch, options.engine) = (precision, 4, engine);
    let network = Network::compile_with(weights, &options).unwrap();
    let features = network.features(&pictures(4, 224), 4).unwrap();
    let error = relative_error(&features.narrow(0, 0, 2), &rows(&golden["features"]));
    println!("{name} {precision:?} {engine:?}: relative error of features {error:.1e}");
    assert!(error < tolerance, "{name}: {error:e}");
    let logits = network.logits(&features).unwrap();
    let error = relative_error(&logits.narrow(0, 0, 2), &rows(&golden["logits"]));
    assert!(error < 2.0 * tolerance, "{name}, logits: {error:e}");
    if precision == Precision::F32 {
        assert_eq!(golden["top5"], serde_json::json!(top5(&logits)), "{name}");
    }
}
