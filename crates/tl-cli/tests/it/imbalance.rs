//! Classes of unequal size: weights, losses.

use crate::harness::{Work, tensor_bytes};

/// Three photos of one class, nine of the other.
fn unequal() -> Work {
    let work = Work::with_photos(9);
    (3..9).for_each(|i| std::fs::remove_file(work.path(&format!("photos/checks/{i:03}.jpg"))).unwrap());
    work
}

fn head(work: &Work, name: &str, more: &[&str]) -> Vec<(String, Vec<u8>)> {
    work.ok(&[&["train", "photos", "--head", "linear", "--epochs", "2", "--name", name], more].concat());
    tensor_bytes(&work.path("runs").join(name).join("model.safetensors"), "head.")
}

#[test]
fn class_weights_come_by_name_or_from_a_file() {
    let work = unequal();
    work.write("weights.csv", b"class,weight\nstripes,0.5\nchecks,4\n");
    let plain = head(&work, "plain", &[]);
    let balanced = head(&work, "balanced", &["--class-weights", "balanced"]);
    let file = head(&work, "file", &["--class-weights", "weights.csv"]);
    assert!(plain != balanced && balanced != file);
    // The settings of the run lead to the same weights from another folder.
    let config = work.path("runs/file/config.toml");
    let again = work.ok(&["train", "--config", &config.display().to_string(), "--name", "again"]);
    assert_eq!(file, tensor_bytes(&work.path("runs/again/model.safetensors"), "head."), "{}", again.stderr());

    // But only while the file holds the same. (As if the run had been killed before its end.)
    std::fs::remove_file(work.path("runs/file/metrics.json")).unwrap();
    work.write("weights.csv", b"class,weight\nstripes,0.5\nchecks,5\n");
    let changed = work.run(&["train", "--resume", "runs/file"]);
    let said = changed.stderr();
    assert!(changed.code() == 2 && said.contains("weights.csv") && said.contains("not what it was"), "{said}");

    work.write("weights.csv", b"class,weight\nstripes,0.5\nbirds,4\n");
    let refused = work.run(&["train", "photos", "--class-weights", "weights.csv"]);
    assert_eq!(refused.code(), 2);
    for words in ["weights.csv", "nothing of class `checks`", "names `birds`"] {
        assert!(refused.stderr().contains(words), "{words} is not in {}", refused.stderr());
    }
}

#[test]
fn small_classes_can_come_up_more_often() {
    let work = unequal();
    let balanced = ["--set", "sampler=balanced"];
    let one = head(&work, "one", &[&balanced[..], &["--threads", "1"]].concat());
    assert_eq!(one, head(&work, "two", &[&balanced[..], &["--threads", "2"]].concat()));
    assert_ne!(one, head(&work, "plain", &[]));
    let twice = work.run(&["train", "photos", "--set", "sampler=balanced", "--class-weights", "balanced"]);
    assert!(twice.code() == 2 && twice.stderr().contains("choose one"), "{}", twice.stderr());
}

#[test]
fn the_focal_loss_is_another_loss_for_heads_and_for_fine_tuning() {
    let work = unequal();
    let focal = ["--set", "loss=focal"];
    assert_ne!(head(&work, "cross", &[]), head(&work, "focal", &focal));
    assert_ne!(head(&work, "two", &focal), head(&work, "three", &["--set", "loss=focal", "--set", "focal_gamma=3"]));
    let tune = ["--recipe", "finetune", "--backbone", "mobilenet_v3_small", "--set", "head_epochs=0"];
    assert_ne!(head(&work, "tuned", &tune), head(&work, "tuned-focal", &[&tune[..], &focal[..]].concat()));
    let refused = work.run(&["train", "photos", "--head", "logistic", "--set", "loss=focal"]);
    assert!(refused.code() == 2 && refused.stderr().contains("fitted to cross-entropy"), "{}", refused.stderr());
}
