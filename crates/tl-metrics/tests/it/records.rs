//! What is written to files.

use tl_metrics::{EpochRecord, Evaluation};

#[test]
fn an_evaluation_has_the_field_names_of_the_run_folder_and_comes_back() {
    let classes = ["a", "b", "c"].map(str::to_owned);
    let evaluation = Evaluation::new(&classes, &[0, 2], &[0.5, 0.25, 0.25, 0.1, 0.2, 0.7]).unwrap();
    let json = serde_json::to_value(&evaluation).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    let expected = [
        "n_images",
        "accuracy",
        "accuracy_ci",
        "log_loss",
        "top_k",
        "macro",
        "weighted",
        "per_class",
        "confusion",
        "ece",
    ];
    assert_eq!(names, expected);
    assert_eq!(serde_json::from_value::<Evaluation>(json).unwrap(), evaluation);
}

#[test]
fn an_epoch_without_validation_comes_back() {
    let record = EpochRecord {
        epoch: 3,
        train_loss: 0.25,
        train_accuracy: 0.9,
        val_loss: None,
        val_accuracy: None,
        learning_rate: 1e-3,
        seconds: 0.5,
    };
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(
        json,
        r#"{"epoch":3,"train_loss":0.25,"train_accuracy":0.9,"val_loss":null,"val_accuracy":null,"learning_rate":0.001,"seconds":0.5}"#
    );
    assert_eq!(serde_json::from_str::<EpochRecord>(&json).unwrap(), record);
}
