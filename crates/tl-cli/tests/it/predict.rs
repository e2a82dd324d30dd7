//! `tl predict`, `tl evaluate` and `tl info` on a trained model.

use std::{io::Write, process::Stdio};

use crate::harness::Work;

#[test]
fn photos_folders_and_lists_are_predicted_in_every_format() {
    let work = Work::with_photos(8);
    work.trained();
    let model = "runs/run/model.safetensors";

    let table = work.ok(&["predict", model, "photos/checks", "photos/stripes/000.jpg"]).stdout();
    assert_eq!(table.lines().count(), 9);
    assert!(table.lines().take(8).all(|line| line.contains("checks ")), "{table}");

    let json = work.ok(&["predict", model, "photos", "--top", "2", "--format", "json"]).stdout();
    let document: serde_json::Value = serde_json::from_str(&json).unwrap();
    let first = &document["predictions"][0];
    assert_eq!((first["class"].as_str(), first["top"].as_array().unwrap().len()), (Some("checks"), 2));
    let sum: f64 = first["top"].as_array().unwrap().iter().map(|t| t["probability"].as_f64().unwrap()).sum();
    assert!((sum - 1.0).abs() < 1e-5);

    let jsonl = work.ok(&["predict", model, "photos", "--format", "jsonl"]).stdout();
    assert_eq!(jsonl.lines().filter(|l| serde_json::from_str::<serde_json::Value>(l).is_ok()).count(), 16);

    let csv = work.ok(&["predict", model, "photos", "--top", "2", "--format", "csv"]).stdout();
    assert_eq!(csv.lines().next(), Some("path,rank,class,probability"));
    assert_eq!(csv.lines().count(), 1 + 2 * 16);
}

#[test]
fn a_list_on_standard_input_is_read() {
    let work = Work::with_photos(6);
    work.trained();
    let mut child = work
        .command(&["predict", "runs/run", "-", "--format", "csv"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"photos/stripes/001.jpg\ngone.jpg\nphotos/checks/002.jpg\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("gone.jpg") && said.contains("no such file"), "{said}");
    let rows: Vec<&str> = text.lines().skip(1).collect();
    assert!(rows[0].starts_with("photos/stripes/001.jpg,1,stripes"), "{text}");
    assert!(rows[1].starts_with("photos/checks/002.jpg,1,checks"), "{text}");
}

#[test]
fn broken_photos_are_listed_and_the_others_predicted() {
    let work = Work::with_photos(6);
    work.trained();
    work.write("mixed/broken.jpg", b"\xff\xd8\xff\xe0 not really");
    work.photo("mixed/good.png", "checks", 3);
    let run = work.run(&["predict", "runs/run", "mixed"]);
    assert!(run.stdout().contains("good.png") && run.stdout().contains("checks"), "{}", run.stdout());
    assert!(run.stderr().contains("broken.jpg"), "{}", run.stderr());
    assert_eq!(run.code(), 1, "half of the photos were skipped");
    let run = work.run(&["predict", "runs/run", "mixed/broken.jpg", "--format", "json"]);
    let document: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!((run.code(), document["skipped"][0]["path"].as_str()), (2, Some("mixed/broken.jpg")), "{document}");
    // A PNG under another name is a PNG.
    std::fs::rename(work.path("mixed/good.png"), work.path("mixed/good.jpg")).unwrap();
    assert_eq!(work.run(&["predict", "runs/run", "mixed/good.jpg"]).code(), 0);
}

#[test]
fn evaluation_matches_classes_by_name() {
    let work = Work::with_photos(8);
    work.trained();
    let run = work.ok(&["evaluate", "runs/run", "photos", "--json"]);
    let numbers: serde_json::Value = serde_json::from_str(&run.stdout()).unwrap();
    assert_eq!(numbers["accuracy"], 1.0);
    assert!(work.ok(&["evaluate", "runs/run", "photos"]).stdout().contains("Accuracy 100.0 % on 16 photos"));
    // A folder with one of the classes is a fair question too.
    work.photo("part/stripes/1.png", "stripes", 1);
    assert!(work.ok(&["evaluate", "runs/run", "part"]).stdout().contains("on 1 photo "));
    work.photo("odd/dots/1.png", "stripes", 1);
    let odd = work.run(&["evaluate", "runs/run", "odd"]);
    assert_eq!(odd.code(), 2);
    assert!(odd.stderr().contains("`dots`"), "{}", odd.stderr());
}

#[test]
fn a_model_tells_where_it_came_from_and_proves_itself() {
    let work = Work::with_photos(6);
    work.trained();
    let run = work.ok(&["info", "runs/run", "--verify"]);
    for part in ["mobilenet_v1", "checks, stripes", "--epochs 4", "verified"] {
        assert!(run.stdout().contains(part), "{part} is not in\n{}", run.stdout());
    }
    let facts: serde_json::Value = serde_json::from_str(&work.ok(&["info", "runs/run", "--json"]).stdout()).unwrap();
    assert_eq!(facts["provenance"]["seed"], 0);
}

#[test]
fn a_model_that_is_asked_about_what_it_learnt_from_says_so() {
    let work = Work::with_photos(8);
    work.trained();
    let all = work.ok(&["evaluate", "runs/run", "photos"]);
    for words in ["Careful: the model was trained on ", "of these, which flatters it", "runs/run/photos.csv"] {
        assert!(all.stderr().contains(words), "{}", all.stderr());
    }
    let held_out = work.ok(&["evaluate", "runs/run", "runs/run/photos.csv"]);
    let n_val = work.json("runs/run/metrics.json")["n_val"].as_u64().unwrap();
    assert!(held_out.stdout().contains(&format!("on {n_val} photos")), "{}", held_out.stdout());
    assert!(!held_out.stderr().contains("Careful"), "{}", held_out.stderr());
}
