//! What is written to files.

use tl_metrics::{EpochRecord, Evaluation, MultiLabelEvaluation};

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

#[test]
fn an_evaluation_of_several_classes_comes_back() {
    let classes = ["a", "b"].map(str::to_owned);
    let evaluation = MultiLabelEvaluation::new(&classes, &[vec![0], vec![]], &[0.5, 0.25, 0.1, 0.2]).unwrap();
    let json = serde_json::to_value(&evaluation).unwrap();
    assert_eq!((json["exact_match"].as_f64(), json["micro"]["f1"].as_f64()), (Some(1.0), Some(1.0)));
    assert_eq!(json["average_precision"], serde_json::json!([1.0, null]));
    assert_eq!(serde_json::from_value::<MultiLabelEvaluation>(json).unwrap(), evaluation);
}
