//! Against PyTorch, scikit-learn and `SciPy`; `tests/golden.py` made the numbers.

use tl_head::{
    HeadConfig, LogisticOptions, LossOptions, TensorHead, binary_cross_entropy, cross_entropy, fit_logistic,
    fit_temperature, mixed_cross_entropy, probabilities,
};

use crate::{assert_close, label_tensor, labels, rows, tensor, values};

/// A 3-2-2 head with the script's parameters.
fn head() -> TensorHead {
    let quarters = |n, width| rows(n, width).iter().map(|v| v / 4.0).collect::<Vec<_>>();
    let vector = |values: &[f32]| tensor(values, 1).reshape([-1]);
    let tensors = [
        ("layers.0.weight".to_owned(), tensor(&quarters(2, 3), 2)),
        ("layers.0.bias".to_owned(), vector(&[0.5, -0.25])),
        ("layers.1.weight".to_owned(), tensor(&quarters(2, 2), 2)),
        ("layers.1.bias".to_owned(), vector(&[0.0, 0.125])),
    ];
    let config = HeadConfig { n_features: 3, hidden: vec![2], n_classes: 2 };
    TensorHead::from_tensors(&config, tensors.into()).unwrap()
}

#[test]
fn logits_and_gradients() {
    let head = head();
    let parameters = head.trainable();
    let logits = head.forward(&tensor(&rows(4, 3), 4)).unwrap();
    let expected = [
        -0.995_101_9,
        0.274_841_3,
        -0.368_057_25,
        0.134_979_25,
        -0.765_426_64,
        0.195_312_5,
        -0.338_577_27,
        0.158_966_06,
    ];
    assert_close(&values(&logits), &expected, 1e-6);
    assert_close(&head.to_head().unwrap().logits(&rows(4, 3)).unwrap(), &expected, 1e-6);
    cross_entropy(&logits, &label_tensor(&labels(4, 2)), &LossOptions::default()).unwrap().backward();
    let gradients: [&[f32]; 4] = [
        &[-0.302_172_4, 0.067_303_83, -0.374_106_66, 0.114_335_5, -0.025_466_315, 0.141_553_87],
        &[0.252_793_44, -0.095_651_57],
        &[-0.711_507_36, -0.066_031_4, 0.711_507_36, 0.066_031_4],
        &[-0.437_264_32, 0.437_264_32],
    ];
    for ((_, parameter), expected) in parameters.iter().zip(gradients) {
        assert_close(&values(&parameter.grad()), expected, 1e-6);
    }
}

#[test]
fn losses() {
    let (logits, labels) = (tensor(&rows(9, 4), 9), label_tensor(&labels(9, 4)));
    let weights = Some(vec![1.0, 0.5, 2.0, 0.25]);
    for (class_weights, label_smoothing, expected) in [
        (None, 0.0, 2.651_499_794),
        (weights.clone(), 0.0, 3.187_131_546),
        (None, 0.1, 2.571_985_905),
        (weights, 0.1, 3.041_030_876),
    ] {
        let options = LossOptions { class_weights, label_smoothing, ..LossOptions::default() };
        let loss = cross_entropy(&logits, &labels, &options).unwrap().double_value(&[]);
        assert!((loss - expected).abs() < 1e-6, "{options:?}: {loss} is not {expected}");
    }
}

#[test]
#[rustfmt::skip]
fn focal_losses_and_their_gradients() {
    let labels = label_tensor(&labels(9, 4));
    let weights = Some(vec![1.0, 0.5, 2.0, 0.25]);
    for (focal_gamma, label_smoothing, class_weights, expected, gradient) in [
        (2.0, 0.0, None, 2.317_730_896, [
            -0.123_628_197, 0.040_490_99, 0.007_490_08, 0.075_647_128, 0.024_345_986, -0.124_866_925, 0.004_230_698,
            0.096_290_242, -0.084_091_046, 0.029_799_337, 0.027_993_887, 0.026_297_823,
        ]),
        (0.5, 0.0, None, 2.549_956_864, [
            -0.111_860_623, 0.036_636_847, 0.006_777_135, 0.068_446_641, 0.021_294_25, -0.109_215_03, 0.003_700_386,
            0.084_220_394, -0.085_537_771, 0.030_312_013, 0.028_475_501, 0.026_750_257,
        ]),
        (2.0, 0.1, weights, 2.779_992_773, [
            -0.091_276_504, 0.030_997_134, 0.000_601_483, 0.059_677_887, 0.007_804_354, -0.045_611_029, -0.003_293_419,
            0.041_100_094, -0.060_397_876, 0.022_580_804, 0.017_460_977, 0.020_356_096,
        ]),
    ] {
        let options = LossOptions { class_weights, label_smoothing, focal_gamma };
        let logits = tensor(&rows(9, 4), 9).set_requires_grad(true);
        let loss = cross_entropy(&logits, &labels, &options).unwrap();
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6, "{options:?}: {loss} is not {expected}");
        loss.backward();
        assert_close(&values(&logits.grad())[..12], &gradient, 1e-6);
    }
}

#[test]
fn losses_of_mixtures() {
    let (logits, labels) = (tensor(&rows(9, 4), 9), label_tensor(&labels(9, 4)));
    let targets = [(labels.shallow_clone(), 0.7), (labels.flip([0]), 0.3)];
    for (label_smoothing, expected) in [(0.0, 2.426_499_794), (0.1, 2.369_485_905)] {
        let options = LossOptions { label_smoothing, ..LossOptions::default() };
        let loss = mixed_cross_entropy(&logits, &targets, &options).unwrap().double_value(&[]);
        assert!((loss - expected).abs() < 1e-6, "{options:?}: {loss} is not {expected}");
    }
    assert!(mixed_cross_entropy(&logits, &[], &LossOptions::default()).is_err());
}

/// The script's targets of rows that may have several classes.
fn several() -> tch::Tensor {
    let has = |i: usize, class: usize| f32::from(u8::from((i * 5 + class * 3 + i * class) % 4 < 2));
    tensor(&(0..9).flat_map(|i| (0..4).map(move |class| has(i, class))).collect::<Vec<_>>(), 9)
}

#[test]
#[rustfmt::skip]
fn binary_losses_and_their_gradients() {
    for (label_smoothing, expected, gradient) in [
        (0.0, 0.857_550_755_569, [
            -0.024_466_585, 0.016_041_538, 0.005_605_923, -0.007_816_822, -0.011_736_240, -0.017_695_300,
            -0.022_446_311, -0.004_336_247, 0.005_605_923, 0.005_331_466, -0.022_710_402, -0.022_964_217,
        ]),
        (0.1, 0.861_022_977_792, [
            -0.023_077_697, 0.014_652_649, 0.004_217_034, -0.006_427_934, -0.010_347_351, -0.016_306_411,
            -0.021_057_423, -0.002_947_358, 0.004_217_034, 0.003_942_577, -0.021_321_513, -0.021_575_328,
        ]),
    ] {
        let options = LossOptions { label_smoothing, ..LossOptions::default() };
        let logits = tensor(&rows(9, 4), 9).set_requires_grad(true);
        let loss = binary_cross_entropy(&logits, &several(), &options).unwrap();
        assert!((loss.double_value(&[]) - expected).abs() < 1e-6, "{options:?}: {loss} is not {expected}");
        loss.backward();
        assert_close(&values(&logits.grad())[..12], &gradient, 1e-7);
    }
    let targets = [(several(), 0.7), (several().flip([0]), 0.3)];
    let mixed = mixed_cross_entropy(&tensor(&rows(9, 4), 9), &targets, &LossOptions::default()).unwrap();
    assert!((mixed.double_value(&[]) - 0.882_550_755_569).abs() < 1e-6, "{mixed}");
}

#[test]
fn temperatures() {
    let labels = labels(40, 3);
    for (sharpness, expected) in [(1.0, 1.134_769_607), (8.0, 9.078_156_679)] {
        let mut logits = rows(40, 3);
        logits.chunks_exact_mut(3).zip(&labels).for_each(|(row, &label)| row[label] += 1.5);
        let logits: Vec<f32> = logits.iter().map(|logit| logit * sharpness).collect();
        let found = fit_temperature(&logits, &labels, 3).unwrap();
        assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
    }
}

/// A fit of the script: rows, features, classes, penalty, objective, and the first three rows' probabilities.
struct Fit(usize, usize, usize, f64, f64, &'static [f32]);

#[rustfmt::skip]
const FITS: [Fit; 4] = [
    Fit(60, 5, 3, 0.1, 0.713_898_583, &[
        0.409_988_997, 0.508_606_197, 0.081_404_806, 0.417_156_502, 0.509_411_252, 0.073_432_245, 0.123_022_519,
        0.818_359_607, 0.058_617_875,
    ]),
    Fit(60, 5, 3, 0.001, 0.522_894_420, &[
        0.449_365_928, 0.535_264_554, 0.015_369_517, 0.509_975_886, 0.476_427_141, 0.013_596_973, 0.016_804_893,
        0.980_340_982, 0.002_854_124,
    ]),
    Fit(12, 20, 3, 0.01, 0.102_121_156, &[
        0.950_330_076, 0.039_346_253, 0.010_323_671, 0.005_649_837, 0.977_410_313, 0.016_939_850, 0.005_865_004,
        0.994_103_428, 0.000_031_568,
    ]),
    Fit(30, 4, 2, 0.05, 0.339_884_022, &[
        0.559_666_824, 0.440_333_176, 0.375_577_902, 0.624_422_098, 0.924_889_703, 0.075_110_297,
    ]),
];

#[test]
fn logistic_regressions() {
    for Fit(n, width, n_classes, l2, objective, expected) in FITS {
        let labels = labels(n, n_classes);
        let mut features = rows(n, width);
        features.chunks_exact_mut(width).zip(&labels).for_each(|(row, &label)| row[label] += 2.0);
        let features = tensor(&features, n);
        let options = LogisticOptions { tolerance: 1e-10, ..LogisticOptions::default() };
        let fit = fit_logistic(&values(&features), &labels, n_classes, l2, &options).unwrap();
        assert!((fit.objective - objective).abs() < 1e-6, "{} is not {objective}", fit.objective);
        let logits = fit.head.logits(&values(&features.narrow(0, 0, 3))).unwrap();
        assert_close(&probabilities(&logits, n_classes, 1.0, false).unwrap(), expected, 2e-4);
    }
}
