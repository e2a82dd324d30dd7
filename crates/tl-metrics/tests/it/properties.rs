//! What holds for any input.

use proptest::{collection::vec, prelude::*};
use tl_metrics::{Evaluation, MultiLabelEvaluation, Proportion};

const N_CLASSES: usize = 3;

fn classes() -> Vec<String> {
    ["a", "b", "c"].map(str::to_owned).to_vec()
}

/// Rows of a label and a distribution; small whole weights make ties common.
fn rows() -> impl Strategy<Value = Vec<(usize, Vec<f32>)>> {
    let distribution = vec(0u8..5, N_CLASSES).prop_map(|weights| {
        let total: f32 = weights.iter().map(|&w| f32::from(w) + 0.25).sum();
        weights.iter().map(|&w| (f32::from(w) + 0.25) / total).collect()
    });
    vec((0..N_CLASSES, distribution), 1..40)
}

fn evaluate(rows: &[(usize, Vec<f32>)]) -> Evaluation {
    let labels: Vec<usize> = rows.iter().map(|row| row.0).collect();
    let probabilities: Vec<f32> = rows.iter().flat_map(|row| row.1.clone()).collect();
    Evaluation::new(&classes(), &labels, &probabilities).unwrap()
}

proptest! {
    #[test]
    fn fractions_are_fractions_and_counts_add_up(rows in rows()) {
        let e = evaluate(&rows);
        let [low, high] = e.accuracy_ci;
        prop_assert!(0.0 <= low && low <= e.accuracy && e.accuracy <= high && high <= 1.0);
        prop_assert!(e.log_loss >= 0.0 && e.log_loss.is_finite());
        prop_assert!((0.0..=1.0).contains(&e.ece));
        prop_assert_eq!(e.confusion.iter().flatten().sum::<usize>(), rows.len());
        for class in &e.per_class {
            prop_assert!([class.precision, class.recall, class.f1].iter().all(|v| (0.0..=1.0).contains(v)));
        }
        prop_assert_eq!(e.per_class.iter().map(|c| c.support).sum::<usize>(), rows.len());
        // Averaged by support, recall is accuracy.
        prop_assert!((e.weighted_average.recall - e.accuracy).abs() < 1e-12);
        prop_assert!(e.top_k.iter().all(|top| top.accuracy >= e.accuracy));
    }

    #[test]
    fn the_order_of_rows_does_not_matter(rows in rows(), shift in 0usize..40) {
        let mut turned = rows.clone();
        turned.rotate_left(shift % rows.len());
        let (a, b) = (evaluate(&rows), evaluate(&turned));
        prop_assert_eq!(&a.confusion, &b.confusion);
        prop_assert_eq!(&a.top_k, &b.top_k);
        prop_assert!((a.log_loss - b.log_loss).abs() < 1e-12 && (a.ece - b.ece).abs() < 1e-12);
    }

    #[test]
    fn so_it_does_not_with_several_classes(rows in vec((vec(0u8..4, N_CLASSES), 0usize..8), 1..40), shift in 0usize..40) {
        let evaluate = |rows: &[(Vec<u8>, usize)]| {
            let truth: Vec<Vec<usize>> =
                rows.iter().map(|(_, bits)| (0..N_CLASSES).filter(|class| bits >> class & 1 == 1).collect()).collect();
            let probabilities: Vec<f32> = rows.iter().flat_map(|(row, _)| row).map(|&p| f32::from(p) / 3.0).collect();
            MultiLabelEvaluation::new(&classes(), &truth, &probabilities).unwrap()
        };
        let mut turned = rows.clone();
        turned.rotate_left(shift % rows.len());
        let (a, b) = (evaluate(&rows), evaluate(&turned));
        prop_assert_eq!(&a.per_class, &b.per_class);
        prop_assert_eq!(&a.average_precision, &b.average_precision);
        prop_assert!(a.average_precision.iter().flatten().all(|ap| (0.0..=1.0).contains(ap)));
        prop_assert!(a.exact_match <= a.label_accuracy);
    }

    #[test]
    fn the_interval_narrows_with_more_of_the_same(n_correct in 0usize..50, n_wrong in 0usize..50) {
        prop_assume!(n_correct + n_wrong > 0);
        let width = |times| {
            let [low, high] = Proportion { n_correct: times * n_correct, n_total: times * (n_correct + n_wrong) }.interval();
            high - low
        };
        prop_assert!(width(2) < width(1));
    }
}

#[test]
fn the_first_of_equal_classes_is_predicted() {
    let e = evaluate(&[(1, vec![0.4, 0.4, 0.2]), (0, vec![0.4, 0.4, 0.2])]);
    assert_eq!(e.confusion, [[1, 0, 0], [1, 0, 0], [0, 0, 0]]);
    assert_eq!(e.top_k[0].accuracy.to_bits(), 1f64.to_bits());
}

#[test]
fn nothing_answered_is_nothing_known() {
    assert_eq!(Proportion { n_correct: 0, n_total: 0 }.interval(), [0.0, 1.0]);
}
