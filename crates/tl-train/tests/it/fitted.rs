//! Heads that are fitted to their optimum.

use std::collections::BTreeSet;

use tl_train::{HeadKind, TrainOptions};

use crate::run::{options, photos, run, several};

#[test]
fn a_head_is_fitted_to_several_classes_per_photo() {
    let dir = photos();
    let fitted = TrainOptions { head: HeadKind::Logistic, val_fraction: 0.0, ..several(&dir) };
    let classes = run(fitted.clone(), &dir, "fitted").classes;
    assert_eq!(classes, ["cat", "dog", "even"]);
    let history = std::fs::read_to_string(dir.path().join("runs/fitted/history.csv")).unwrap();
    let record: tl_metrics::EpochRecord =
        csv::Reader::from_reader(history.as_bytes()).deserialize().next().unwrap().unwrap();
    // An answer that knows no photo costs the logarithm of two.
    assert!(record.train_loss < 0.5, "{record:?}");
    // Views of the photos are rows as well.
    run(TrainOptions { views: Some(1), augment: "light".to_owned(), ..fitted }, &dir, "views");
}

/// Cats and dogs in both classes cannot be told apart; only who has seen the copies of a photo knows its class.
#[test]
fn a_fitted_head_is_not_tested_on_copies_of_what_it_has_seen() {
    let dir = photos();
    for class in ["cats", "dogs"] {
        let from = dir.path().join("photos").join(class);
        let names = std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path());
        for (i, path) in names.collect::<BTreeSet<_>>().iter().enumerate() {
            let to = dir.path().join("copies").join(["even", "odd"][i % 2]);
            std::fs::create_dir_all(&to).unwrap();
            for copy in 0..3 {
                std::fs::copy(path, to.join(format!("{class}{i}-{copy}.jpg"))).unwrap();
            }
        }
    }
    let data = Some(dir.path().join("copies"));
    for val_fraction in [0.0, 0.25] {
        let fitted = TrainOptions { head: HeadKind::Logistic, data: data.clone(), val_fraction, ..options(&dir) };
        let metrics = run(fitted, &dir, &format!("fitted-{val_fraction}"));
        assert!(metrics.fits[0].held_out_accuracy < 0.95, "{:?}", metrics.fits);
    }
}
