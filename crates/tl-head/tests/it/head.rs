//! The dense stack.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tl_head::{Head, HeadConfig, HeadError};
use tl_torch::Array;

use crate::rows;

fn copies(head: &Head) -> BTreeMap<String, Array> {
    head.parameters().into_iter().map(|(name, array)| (name, array.clone())).collect()
}

#[test]
fn the_notebooks_head_has_its_parameters() {
    let config = HeadConfig::notebook(1024, 3);
    assert_eq!(config.to_string(), "1024-1024-1024-512-3");
    assert_eq!(config.n_parameters(), 2_625_539);
    let head = Head::new(&config, 0).unwrap();
    assert_eq!(head.n_parameters(), head.parameters().iter().map(|(_, array)| array.values().len()).sum::<usize>());
    let names: Vec<String> = head.parameters().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..3], ["layers.0.weight", "layers.0.bias", "layers.1.weight"]);
    assert_eq!(head.parameters()[6].1.shape(), [3, 512]);
}

#[test]
fn a_configuration_is_strict_about_its_fields() {
    let config = HeadConfig { n_features: 4, hidden: vec![3], n_classes: 2 };
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(json, r#"{"n_features":4,"hidden":[3],"n_classes":2}"#);
    assert_eq!(serde_json::from_str::<HeadConfig>(&json).unwrap(), config);
    assert!(serde_json::from_str::<HeadConfig>(r#"{"n_features":4,"hidden":[3],"n_classes":2,"x":1}"#).is_err());
}

#[test]
fn sizes_that_make_no_head_are_refused() {
    for config in [
        HeadConfig::linear(0, 2),
        HeadConfig::linear(4, 0),
        HeadConfig { n_features: 4, hidden: vec![8, 0], n_classes: 2 },
        HeadConfig::linear(usize::MAX, 2),
    ] {
        let error = Head::new(&config, 0).unwrap_err().to_string();
        assert!(error.contains("describes no head"), "{error}");
        Head::from_arrays(&config, BTreeMap::new()).unwrap_err();
    }
}

#[test]
fn every_unfit_parameter_is_listed() {
    let config = HeadConfig { n_features: 4, hidden: vec![3], n_classes: 2 };
    let mut arrays = copies(&Head::new(&config, 0).unwrap());
    arrays.remove("layers.0.bias");
    arrays.insert("layers.1.weight".to_owned(), Array::new(rows(3, 2), &[3, 2]).unwrap());
    arrays.insert("layers.2.bias".to_owned(), Array::new(rows(1, 1), &[1]).unwrap());
    assert_eq!(
        Head::from_arrays(&config, arrays).unwrap_err().to_string(),
        "these are not the parameters of the head 4-3-2: layers.0.bias is missing, layers.1.weight has shape [3, 2] and \
         not [2, 3], layers.2.bias is unexpected; use the configuration they were saved with"
    );
}

#[test]
fn a_row_has_the_same_logits_whatever_is_beside_it_and_whoever_computes_it() {
    let config = HeadConfig { n_features: 50, hidden: vec![129], n_classes: 7 };
    let head = Head::new(&config, 3).unwrap();
    let features = rows(150, 50);
    let together = head.logits(&features).unwrap();
    for (row, logits) in features.chunks(50).zip(together.chunks(7)) {
        assert_eq!(head.logits(row).unwrap(), logits);
    }
    for n_threads in [0, 1, 2, 7, 200] {
        assert_eq!(head.logits_on(n_threads, &features).unwrap(), together, "{n_threads} threads");
    }
    assert!(head.logits(&[]).unwrap().is_empty() && head.logits_on(2, &[]).unwrap().is_empty());
}

#[test]
fn features_of_another_width_are_refused() {
    let head = Head::new(&HeadConfig::linear(4, 2), 0).unwrap();
    for error in [head.logits(&[0.0; 6]).unwrap_err(), head.logits_on(2, &[0.0; 6]).unwrap_err()] {
        assert!(matches!(error, HeadError::Shape { .. }) && error.to_string().contains("[N, 4]"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_head_comes_back_from_its_parameters(
        hidden in proptest::collection::vec(1usize..6, 0..3), n_classes in 1usize..4, seed: u64
    ) {
        let config = HeadConfig { n_features: 5, hidden, n_classes };
        let head = Head::new(&config, seed).unwrap();
        let again = Head::from_arrays(&config, copies(&Head::new(&config, seed).unwrap())).unwrap();
        prop_assert_eq!(head.logits(&rows(3, 5)).unwrap(), again.logits(&rows(3, 5)).unwrap());
    }
}
