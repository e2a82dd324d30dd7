//! The linear head that is found directly.

use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use tch::{Kind, Tensor};
use tl_head::{
    CrossValidation, HeadError, LogisticFit, LogisticOptions, LossOptions, TensorHead, cross_entropy, fit_logistic,
    fit_logistic_cv, fit_logistic_several_cv,
};

use crate::{label_tensor, labels, rows, tensor, values};

static NEVER: AtomicBool = AtomicBool::new(false);

/// Rows that say something about their labels.
fn table(n: usize, width: usize, n_classes: usize) -> (Tensor, Vec<usize>) {
    let labels = labels(n, n_classes);
    let mut features = rows(n, width);
    features.chunks_exact_mut(width).zip(&labels).for_each(|(row, &label)| row[label] += 1.5);
    (tensor(&features, n), labels)
}

fn parameters(fit: &LogisticFit) -> Vec<f32> {
    fit.head.parameters().into_iter().flat_map(|(_, array)| array.values().to_vec()).collect()
}

#[test]
fn threads_do_not_change_a_bit() {
    let (features, labels) = table(60, 12, 3);
    let fit = |n_threads| {
        let options = LogisticOptions { n_threads, ..LogisticOptions::default() };
        fit_logistic_cv(&values(&features), &labels, 3, &CrossValidation::default(), &options, &NEVER).unwrap()
    };
    let one = fit(1);
    for n_threads in [2, 3, 64] {
        let many = fit(n_threads);
        assert_eq!(parameters(&one), parameters(&many));
        assert_eq!(one.scores, many.scores);
    }
}

#[test]
fn cross_validation_takes_the_best_penalty_and_fits_with_it() {
    let (features, labels) = table(90, 30, 3);
    let options = LogisticOptions::default();
    let chosen =
        fit_logistic_cv(&values(&features), &labels, 3, &CrossValidation::default(), &options, &NEVER).unwrap();
    let best = chosen.scores.iter().map(|score| score.loss).fold(f64::INFINITY, f64::min);
    assert_eq!(chosen.scores.iter().find(|score| score.l2 == chosen.l2).unwrap().loss, best);
    // These rows are noisy: neither end of the range may win.
    assert!(chosen.l2 < 10.0 && chosen.l2 > 0.001, "{:?}", chosen.scores);
    let direct = fit_logistic(&values(&features), &labels, 3, chosen.l2, &options).unwrap();
    assert!((chosen.objective - direct.objective).abs() < 1e-6 && chosen.converged);
}

#[test]
fn the_objective_is_the_loss_of_the_head_plus_its_penalty() {
    let (features, labels) = table(40, 6, 4);
    let loss =
        LossOptions { class_weights: Some(vec![1.0, 0.5, 2.0, 0.25]), label_smoothing: 0.1, ..LossOptions::default() };
    let options = LogisticOptions { loss: loss.clone(), ..LogisticOptions::default() };
    let fit = fit_logistic(&values(&features), &labels, 4, 0.05, &options).unwrap();
    let logits = TensorHead::of(&fit.head).unwrap().forward(&features).unwrap();
    let loss = cross_entropy(&logits, &label_tensor(&labels), &loss).unwrap().double_value(&[]);
    let variance = (&features - features.mean_dim(0, true, Kind::Float)).square().mean(Kind::Double).double_value(&[]);
    let squares = fit.head.parameters()[0].1.values().iter().map(|w| f64::from(w * w)).sum::<f64>();
    let penalty = 0.05 / 2.0 * squares * variance;
    assert!((loss + penalty - fit.objective).abs() < 1e-5, "{loss} + {penalty} is not {}", fit.objective);
}

#[test]
fn features_that_never_change_are_harmless() {
    let (features, labels) = table(30, 5, 3);
    let constant = Tensor::ones([30, 2], (Kind::Float, features.device())) * 0.3;
    let more = Tensor::cat(&[features.shallow_clone(), constant], 1);
    let fit =
        |features: &Tensor, l2| fit_logistic(&values(features), &labels, 3, l2, &LogisticOptions::default()).unwrap();
    // The mean variance is 5/7 of what it was, and with it the size of the weights' squares.
    assert!((fit(&more, 0.1).objective - fit(&features, 0.1 * 5.0 / 7.0).objective).abs() < 1e-6);
    let same = fit(&(features.zeros_like() + 1.0), 0.1);
    assert!(same.head.logits(&values(&features)).unwrap().iter().all(|v| v.is_finite()));
}

#[test]
fn a_class_with_one_row_or_none_is_no_obstacle() {
    let (features, mut labels) = table(30, 5, 3);
    labels = labels.into_iter().map(|label| label % 2).collect();
    labels[7] = 2;
    let fit = fit_logistic_cv(
        &values(&features),
        &labels,
        4,
        &CrossValidation::default(),
        &LogisticOptions::default(),
        &NEVER,
    )
    .unwrap();
    assert!(fit.head.logits(&values(&features)).unwrap().iter().all(|v| v.is_finite()));
}

/// Views that equal their photos change nothing: they are held out together, and the means stay what they were.
#[test]
fn views_are_held_out_with_their_photo() {
    let (features, labels) = table(40, 5, 3);
    let fit = |n_views: usize| {
        let choice = CrossValidation { n_views, ..CrossValidation::default() };
        let features = features.repeat([n_views as i64, 1]);
        fit_logistic_cv(&values(&features), &labels.repeat(n_views), 3, &choice, &LogisticOptions::default(), &NEVER)
            .unwrap()
    };
    let (plain, thrice) = (fit(1), fit(3));
    assert_eq!(plain.l2, thrice.l2);
    for (a, b) in plain.scores.iter().zip(&thrice.scores) {
        assert!((a.loss - b.loss).abs() < 2e-3 * a.loss, "{a:?} is not {b:?}");
    }
    for (a, b) in
        plain.head.logits(&values(&features)).unwrap().iter().zip(thrice.head.logits(&values(&features)).unwrap())
    {
        assert!((a - b).abs() < 1e-2, "{a} is not {b}");
    }
}

/// Copies that are held out together are worth what one of each is; held out alone, the others give them away.
#[test]
fn copies_are_held_out_together() {
    let (features, labels) = table(40, 30, 3);
    tch::manual_seed(1);
    let noisy = &features + Tensor::randn_like(&features) * 3.0;
    let fit = |n_copies: usize, groups: Vec<usize>| {
        let choice = CrossValidation { groups, ..CrossValidation::default() };
        let copies = values(&noisy.repeat([n_copies as i64, 1]));
        fit_logistic_cv(&copies, &labels.repeat(n_copies), 3, &choice, &LogisticOptions::default(), &NEVER).unwrap()
    };
    let best = |fit: &LogisticFit| fit.scores.iter().map(|score| score.loss).fold(f64::INFINITY, f64::min);
    let best = |n_copies, groups| best(&fit(n_copies, groups));
    let (one, together, apart) =
        (best(1, Vec::new()), best(4, (0..40).collect::<Vec<_>>().repeat(4)), best(4, Vec::new()));
    assert!((together / one - 1.0).abs() < 0.25, "{together} is not {one}");
    assert!(apart < 0.5 * together, "{apart} should be far below {together}");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    let (features, labels) = table(10, 4, 2);
    let options = LogisticOptions::default();
    let error = |features: &Tensor, labels: &[usize], n_classes, l2| {
        fit_logistic(&values(features), labels, n_classes, l2, &options).unwrap_err().to_string()
    };
    assert!(error(&features, &labels[..9], 2, 0.1).contains("features must have shape [9, F]"));
    assert!(error(&features, &labels, 1, 0.1).contains("number of classes is 1"));
    assert!(error(&features, &[5; 10], 2, 0.1).contains("row 0 has label 5"));
    assert!(error(&features, &labels, 2, 0.0).contains("l2 is 0"));
    assert!(error(&(&features * f64::NAN), &labels, 2, 0.1).contains("features are not all finite"));
    for choice in [
        CrossValidation { l2s: Vec::new(), ..CrossValidation::default() },
        CrossValidation { n_folds: 1, ..CrossValidation::default() },
        CrossValidation { n_folds: 11, ..CrossValidation::default() },
        CrossValidation { groups: vec![0; 10], ..CrossValidation::default() },
        CrossValidation { groups: vec![0; 9], ..CrossValidation::default() },
        CrossValidation { n_views: 0, ..CrossValidation::default() },
        CrossValidation { n_views: 3, ..CrossValidation::default() },
        CrossValidation { n_views: 5, n_folds: 3, ..CrossValidation::default() },
        CrossValidation { l2s: vec![0.1, f64::NAN], ..CrossValidation::default() },
    ] {
        assert!(fit_logistic_cv(&values(&features), &labels, 2, &choice, &options, &NEVER).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Centring and scaling make the fit blind to the units of the features.
    #[test]
    fn scale_and_shift_do_not_change_the_predictions(scale in 0.01f64..100.0, shift in -5.0f64..5.0) {
        let (features, labels) = table(30, 4, 3);
        let other = &features * scale + shift * scale;
        let logits = |features: &Tensor| {
            let fit = fit_logistic(&values(features), &labels, 3, 0.1, &LogisticOptions::default()).unwrap();
            fit.head.logits(&values(features)).unwrap()
        };
        for (a, b) in logits(&features).iter().zip(logits(&other)) {
            prop_assert!((a - b).abs() < 2e-3, "{} is not {}", a, b);
        }
    }
}

#[test]
fn several_classes_are_fitted_each_for_itself() {
    let (features, labels) = table(60, 12, 2);
    let (choice, options) = (CrossValidation::default(), LogisticOptions::default());
    let one = fit_logistic_cv(&values(&features), &labels, 2, &choice, &options, &NEVER)
        .unwrap()
        .head
        .logits(&values(&features))
        .unwrap();
    // The second of two classes, one that all rows have, and one that none has.
    let targets: Vec<f32> = labels.iter().flat_map(|&label| [label as f32, 1.0, 0.0]).collect();
    let (several, fits) = fit_logistic_several_cv(&values(&features), &targets, 3, &choice, &options, &NEVER).unwrap();
    let is_fitted: Vec<bool> = fits.iter().map(Option::is_some).collect();
    assert_eq!(is_fitted, [true, false, false]);
    let logits = several.logits(&values(&features)).unwrap();
    for (logits, one) in logits.chunks_exact(3).zip(one.chunks_exact(2)) {
        assert!((logits[0] - (one[1] - one[0])).abs() < 1e-4, "{logits:?} {one:?}");
        assert_eq!(logits[1], 121_f32.ln());
        assert_eq!(logits[2], -logits[1]);
    }
}

#[test]
fn several_classes_of_unlike_sizes_are_refused() {
    let features = rows(12, 4);
    let (choice, loss) =
        (CrossValidation::default(), LossOptions { class_weights: Some(vec![1.0; 2]), ..LossOptions::default() });
    let fit = |targets: &[f32], options: &LogisticOptions| {
        fit_logistic_several_cv(&features, targets, 2, &choice, options, &NEVER).unwrap_err().to_string()
    };
    assert!(fit(&[0.0; 23], &LogisticOptions::default()).contains("must have shape [N, 2]"));
    assert!(fit(&[0.0; 10], &LogisticOptions::default()).contains("must have shape [5, F]"));
    assert!(fit(&[0.5; 24], &LogisticOptions::default()).contains("a target is 0.5, but it must be 0 or 1"));
    let weighted = LogisticOptions { loss, ..LogisticOptions::default() };
    assert!(fit(&[0.0; 24], &weighted).starts_with("class weights is"));
}

#[test]
fn a_fit_that_is_asked_to_stop_does() {
    let (features, labels) = table(60, 12, 2);
    let (choice, options, stop) = (CrossValidation::default(), LogisticOptions::default(), AtomicBool::new(true));
    let one = fit_logistic_cv(&values(&features), &labels, 2, &choice, &options, &stop);
    assert!(matches!(one, Err(HeadError::Stopped)));
    let targets: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
    let several = fit_logistic_several_cv(&values(&features), &targets, 1, &choice, &options, &stop);
    assert!(matches!(several, Err(HeadError::Stopped)));
}
