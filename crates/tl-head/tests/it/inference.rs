//! The inference form against the head itself.

use std::collections::BTreeMap;

use tl_head::{Head, HeadConfig, HeadError, InferenceHead};
use tl_torch::{Array, tensor_from_f32, to_vec_f32};

fn numbers(n: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 7919) % 1009) as f32 / 504.5 - 1.0).collect()
}

#[test]
fn it_gives_the_heads_logits_for_any_number_of_rows() {
    for hidden in [vec![], vec![40], vec![129, 64, 33]] {
        let config = HeadConfig { n_features: 50, hidden, n_classes: 7 };
        let head = Head::new(&config, 3).unwrap();
        let inference = InferenceHead::of(&head).unwrap();
        for n in [0, 1, 2, 64, 65, 150] {
            let features = numbers(n * 50);
            let wanted = head.forward(&tensor_from_f32(&features, &[n as i64, 50]).unwrap()).unwrap();
            let (wanted, found) = (to_vec_f32(&wanted).unwrap(), inference.logits(&features).unwrap());
            assert_eq!(found.len(), n * 7);
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < 1e-5, "{config} of {n} rows: {found}, not {wanted}");
            }
        }
    }
}

#[test]
fn a_row_has_the_same_logits_whatever_is_beside_it() {
    let config = HeadConfig { n_features: 50, hidden: vec![129], n_classes: 7 };
    let inference = InferenceHead::of(&Head::new(&config, 3).unwrap()).unwrap();
    let features = numbers(150 * 50);
    let together = inference.logits(&features).unwrap();
    for (row, logits) in features.chunks(50).zip(together.chunks(7)) {
        assert_eq!(inference.logits(row).unwrap(), logits);
    }
}

#[test]
fn what_does_not_fit_is_refused_with_names_and_shapes() {
    let config = HeadConfig { n_features: 4, hidden: vec![], n_classes: 2 };
    let bias = Array::new(vec![0.0; 3], &[3]).unwrap();
    let arrays = BTreeMap::from([("layers.0.bias".to_owned(), bias)]);
    let error = InferenceHead::from_arrays(&config, arrays).unwrap_err();
    let HeadError::Parameters { problems, .. } = error else { panic!("{error}") };
    assert_eq!(problems, ["layers.0.bias has shape [3] and not [2]", "layers.0.weight is missing"]);
    let head = InferenceHead::of(&Head::new(&config, 0).unwrap()).unwrap();
    assert!(head.logits(&[0.0; 6]).unwrap_err().to_string().contains("[N, 4]"));
}
