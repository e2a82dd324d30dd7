//! Calibration.

use proptest::prelude::*;
use tl_head::{fit_temperature, probabilities};

use crate::rows;

#[test]
fn no_evidence_stays_inside_the_range() {
    // Always right: the surer the better.
    let right = fit_temperature(&[1.0, 0.0, 0.0, 1.0], &[0, 1], 2).unwrap();
    assert!((right - 0.05).abs() < 1e-9, "{right}");
    // Always wrong: the less sure the better.
    let wrong = fit_temperature(&[1.0, 0.0, 0.0, 1.0], &[1, 0], 2).unwrap();
    assert!((wrong - 20.0).abs() < 1e-9, "{wrong}");
}

#[test]
fn what_cannot_be_fitted_is_refused() {
    for (logits, labels, expected) in [
        (vec![], vec![], "at least one row"),
        (vec![1.0, 2.0, 3.0], vec![0], "logits must have shape [1, 2]"),
        (vec![1.0, 2.0], vec![2], "row 0 has label 2"),
        (vec![1.0, f32::INFINITY], vec![0], "logits are not all finite"),
    ] {
        let error = fit_temperature(&logits, &labels, 2).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(probabilities(&rows(1, 2), 2, temperature, false).is_err());
    }
    assert!(probabilities(&[1.0, 2.0, 3.0], 2, 1.0, false).is_err());
    assert!(probabilities(&[1.0], 0, 1.0, false).is_err());
}

proptest! {
    #[test]
    fn scaled_logits_have_the_scaled_temperature(
        labels in proptest::collection::vec(0usize..3, 12..30), scale in 0.7f32..1.4
    ) {
        let logits: Vec<f32> = rows(labels.len(), 3);
        let scaled: Vec<f32> = logits.iter().map(|logit| logit * scale).collect();
        let fit = |logits: &[f32]| fit_temperature(logits, &labels, 3).unwrap();
        let (plain, scaled) = (fit(&logits), fit(&scaled));
        prop_assume!((0.1..14.0).contains(&plain));
        prop_assert!((scaled / plain / f64::from(scale) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn probabilities_sum_to_one_and_keep_the_winner(n in 1usize..6, temperature in 0.1f64..10.0) {
        let logits = rows(n, 4);
        let p = probabilities(&logits, 4, temperature, false).unwrap();
        let best = |row: &[f32]| (1..4).fold(0, |best, i| if row[i] > row[best] { i } else { best });
        for (p, logits) in p.chunks_exact(4).zip(logits.chunks_exact(4)) {
            prop_assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            prop_assert_eq!(best(p), best(logits));
        }
        let each = probabilities(&logits, 4, temperature, true).unwrap();
        for (p, logit) in each.iter().zip(logits) {
            let logit = f64::from(logit) / temperature;
            prop_assert!((f64::from(*p) - 1.0 / (1.0 + (-logit).exp())).abs() < 1e-6);
        }
    }
}
