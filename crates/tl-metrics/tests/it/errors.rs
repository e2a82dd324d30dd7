//! What is refused, and how it is said.

use tl_metrics::{Evaluation, MultiLabelEvaluation, Worth};

fn error(classes: &[&str], labels: &[usize], probabilities: &[f32]) -> String {
    let classes: Vec<String> = classes.iter().map(|&class| class.to_owned()).collect();
    Evaluation::new(&classes, labels, probabilities).unwrap_err().to_string()
}

#[test]
fn every_error_names_the_place() {
    let ab = ["a", "b"];
    for (found, expected) in [
        (error(&ab, &[], &[]), "there is nothing to evaluate: 2 classes and 0 rows"),
        (error(&[], &[0], &[]), "there is nothing to evaluate: 0 classes and 1 rows"),
        (error(&ab, &[0, 1], &[1.0, 0.0, 1.0]), "2 labels and 2 classes need 4 probabilities, but there are 3"),
        (error(&ab, &[0, 2], &[1.0, 0.0, 1.0, 0.0]), "row 1 has label 2"),
        (error(&ab, &[0, 1], &[1.0, 0.0, 0.5, f32::NAN]), "row 1 gives class 1 the probability NaN"),
        (error(&ab, &[0], &[-0.5, 1.5]), "row 0 gives class 0 the probability -0.5"),
        (error(&ab, &[0], &[0.9, 0.9]), "the probabilities of row 0 sum to 1.800, not to 1"),
    ] {
        assert!(found.starts_with(expected), "{found:?} does not start with {expected:?}");
    }
}

#[test]
fn so_it_is_with_several_classes_per_row() {
    let ab = ["a", "b"].map(str::to_owned);
    let error = |truth: &[&[usize]], rows: &[f32]| MultiLabelEvaluation::new(&ab, truth, rows).unwrap_err().to_string();
    for (found, expected) in [
        (error(&[], &[]), "there is nothing to evaluate: 2 classes and 0 rows"),
        (error(&[&[0], &[]], &[1.0]), "2 labels and 2 classes need 4 probabilities, but there are 1"),
        (error(&[&[], &[0, 2]], &[1.0; 4]), "row 1 has label 2"),
        (error(&[&[], &[0]], &[1.0, 0.0, 0.5, f32::NAN]), "row 1 gives class 1 the probability NaN"),
    ] {
        assert!(found.starts_with(expected), "{found:?} does not start with {expected:?}");
    }
}

#[test]
fn where_one_class_is_meant_each_row_has_one() {
    let classes = ["a", "b"].map(str::to_owned);
    // Together as many labels as rows, and each of them in the wrong place.
    let truth: [&[usize]; 3] = [&[0], &[], &[0, 1]];
    let error = Worth::new(&classes, &truth, &[0.5; 6], false).unwrap_err();
    assert_eq!(error.to_string(), "row 1 has 0 classes, but it must have one; evaluate several classes as such");
}
