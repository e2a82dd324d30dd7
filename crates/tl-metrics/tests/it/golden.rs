//! Against scikit-learn; `tests/golden.py` made the numbers.

use tl_metrics::{Averages, Evaluation, MultiLabelEvaluation, Proportion};

const N_CLASSES: usize = 4;
const N_ROWS: usize = 60;

/// The script's labels and probabilities.
fn data() -> (Vec<usize>, Vec<f32>) {
    let labels: Vec<usize> = (0..N_ROWS).map(|i| (i * i + i / 7) % N_CLASSES).collect();
    let logit = |i: usize, class: usize| {
        let noise = ((i * 37 + class * 101 + i * class * 13) % 64) as f64 / 16.0;
        noise + if class == labels[i] { 2.5 } else { 0.0 } - if class == 3 { 9.0 } else { 0.0 }
    };
    let row = |i| {
        let weights: Vec<f64> = (0..N_CLASSES).map(|class| logit(i, class).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(move |w| (w / sum) as f32).collect::<Vec<_>>()
    };
    let probabilities = (0..N_ROWS).flat_map(row).collect();
    (labels, probabilities)
}

fn evaluation() -> Evaluation {
    let (labels, probabilities) = data();
    let classes = ["a", "b", "c", "d"].map(str::to_owned);
    Evaluation::new(&classes, &labels, &probabilities).unwrap()
}

fn assert_close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
}

#[test]
fn accuracy_top_k_and_confusion() {
    let evaluation = evaluation();
    assert_eq!(evaluation.confusion, [[17, 1, 0, 0], [2, 12, 0, 0], [0, 0, 16, 0], [4, 3, 5, 0]]);
    assert_close(evaluation.accuracy, 0.75);
    let top: Vec<usize> = evaluation.top_k.iter().map(|top| top.k).collect();
    assert_eq!(top, [2, 3]);
    assert_close(evaluation.top_k[0].accuracy, 0.783_333_333_333_333_3);
    assert_close(evaluation.top_k[1].accuracy, 0.8);
}

#[test]
fn log_loss_and_calibration_error() {
    let evaluation = evaluation();
    // The script sums in 32 bits.
    assert!((evaluation.log_loss - 1.842_124_104_499_817).abs() < 1e-6);
    assert_close(evaluation.ece, 0.109_208_343_426_386_52);
}

#[test]
fn a_certain_mistake_costs_what_it_costs_in_scikit_learn() {
    let classes = ["a", "b"].map(str::to_owned);
    let evaluation = Evaluation::new(&classes, &[0, 1], &[1.0, 0.0, 1.0, 0.0]).unwrap();
    assert!((evaluation.log_loss - 7.971_192_359_924_316).abs() < 1e-6);
}

#[test]
fn per_class_and_averages() {
    let evaluation = evaluation();
    let precisions = [0.739_130_434_782_608_6, 0.75, 0.761_904_761_904_761_9, 0.0];
    let recalls = [0.944_444_444_444_444_4, 0.857_142_857_142_857_1, 1.0, 0.0];
    let f1s = [0.829_268_292_682_926_8, 0.8, 0.864_864_864_864_864_9, 0.0];
    for (i, class) in evaluation.per_class.iter().enumerate() {
        assert_close(class.precision, precisions[i]);
        assert_close(class.recall, recalls[i]);
        assert_close(class.f1, f1s[i]);
        assert_eq!(class.support, [18, 14, 16, 12][i]);
    }
    assert_averages(
        evaluation.macro_average,
        [0.562_758_799_171_842_6, 0.700_396_825_396_825_4, 0.623_533_289_386_948],
    );
    assert_averages(evaluation.weighted_average, [0.599_913_733_609_385_7, 0.75, 0.666_077_785_102_175_3]);
}

fn assert_averages(found: Averages, expected: [f64; 3]) {
    let found = [found.precision, found.recall, found.f1];
    found.into_iter().zip(expected).for_each(|(found, expected)| assert_close(found, expected));
}

/// `scipy.stats.binomtest(k, n).proportion_ci(method="wilson")`.
#[test]
fn wilson_intervals() {
    for (n_correct, n_total, low, high) in [
        (0, 10, 0.0, 0.277_532_799_862_889_26),
        (10, 10, 0.722_467_200_137_111_1, 1.0),
        (69, 75, 0.836_252_096_664_777, 0.962_819_875_649_666_1),
        (1, 2, 0.094_531_205_734_230_74, 0.905_468_794_265_769_3),
        (500, 1000, 0.469_069_600_368_104_2, 0.530_930_399_631_895_8),
    ] {
        let [found_low, found_high] = Proportion { n_correct, n_total }.interval();
        assert_close(found_low, low);
        assert_close(found_high, high);
    }
}

/// The script's rows with several classes.
fn several(threshold: f32) -> MultiLabelEvaluation {
    let has = |i: usize, class: usize| class < 3 && (i * (class + 2) + i / 5).is_multiple_of(3);
    let truth: Vec<Vec<usize>> = (0..N_ROWS).map(|i| (0..N_CLASSES).filter(|&class| has(i, class)).collect()).collect();
    let probability = |i: usize, class: usize| {
        let noise = ((i * 37 + class * 101 + i * class * 13) % 16) as f32 / 32.0;
        noise + if has(i, class) { 0.34375 } else { 0.125 }
    };
    let rows: Vec<f32> = (0..N_ROWS).flat_map(|i| (0..N_CLASSES).map(move |class| probability(i, class))).collect();
    MultiLabelEvaluation::at(threshold, &["a", "b", "c", "d"].map(str::to_owned), &truth, &rows).unwrap()
}

#[test]
fn several_classes_per_row() {
    let e = several(0.5);
    assert_close(e.exact_match, 0.233_333_333_333_333_34);
    assert_close(e.label_accuracy, 0.725);
    // The script has its probabilities in 32 bits.
    assert!((e.log_loss - 0.540_830_209_851_265).abs() < 1e-6, "{}", e.log_loss);
    let expected = [0.696_520_989_464_537_9, 0.712_034_503_723_970_1, 0.781_320_447_124_398_1];
    for (found, expected) in e.average_precision.iter().zip(expected) {
        assert_close(found.unwrap(), expected);
    }
    assert_eq!(e.average_precision[3], None);
    assert_close(e.mean_average_precision.unwrap(), 0.729_958_646_770_968_7);
    let f1s = [0.590_909_090_909_090_9, 0.638_297_872_340_425_6, 0.666_666_666_666_666_6, 0.0];
    for (i, class) in e.per_class.iter().enumerate() {
        assert_close(class.f1, f1s[i]);
        assert_eq!(class.support, [20, 20, 24, 0][i]);
    }
    assert_averages(e.micro_average, [0.488_888_888_888_888_9, 0.6875, 0.571_428_571_428_571_4]);
    assert_averages(e.macro_average, [0.440_972_222_222_222_2, 0.516_666_666_666_666_6, 0.473_968_407_479_045_8]);

    let e = several(0.375);
    assert_close(e.exact_match, 0.15);
    assert_close(e.label_accuracy, 0.6);
    assert_averages(e.micro_average, [0.394_736_842_105_263_16, 0.9375, 0.555_555_555_555_555_6]);
}
