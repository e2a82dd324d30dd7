//! `tl cache`, and the commands that use it.

use std::path::PathBuf;

use crate::harness::Work;

fn rows_file(work: &Work) -> PathBuf {
    let files = std::fs::read_dir(work.path("cache/features")).unwrap().map(|entry| entry.unwrap().path());
    files.into_iter().find(|path| path.extension().is_some_and(|e| e == "tlrows")).unwrap()
}

#[test]
fn a_second_run_finds_its_features_and_ends_with_the_same_bits() {
    let work = Work::with_photos(9);
    let train = |name: &str, more: &[&str]| {
        let args = [&["train", "photos", "--hidden", "16", "--epochs", "3", "--name", name], more].concat();
        work.ok(&args).stderr()
    };
    assert!(!train("cold", &[]).contains("known"));
    assert!(train("warm", &[]).contains("18 known from an earlier run"));
    assert!(!train("without", &["--no-cache"]).contains("known"));
    let losses = |run: &str| work.json(&format!("runs/{run}/metrics.json"))["val_loss"].clone();
    assert!(losses("cold").is_number());
    assert_eq!(losses("cold"), losses("warm"));
    assert_eq!(losses("cold"), losses("without"));
    // Training and measuring see photos alike, so that their rows are the same.
    let n_rows = || {
        let list: serde_json::Value = serde_json::from_str(&work.ok(&["cache", "ls", "--json"]).stdout()).unwrap();
        list["spaces"].as_array().unwrap().iter().map(|space| space["n_rows"].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(n_rows(), 18);
    let measured = work.ok(&["evaluate", "runs/cold", "photos"]).stdout();
    assert_eq!(measured, work.ok(&["evaluate", "runs/cold", "photos", "--no-cache"]).stdout());
    let said = work.ok(&["predict", "runs/cold", "photos"]).stdout();
    assert_eq!(said, work.ok(&["predict", "runs/cold", "photos", "--no-cache"]).stdout());
    assert_eq!(n_rows(), 18);
    work.ok(&["predict", "runs/cold", "photos", "--cache", "elsewhere"]);
    assert!(work.path("elsewhere/features").is_dir());
}

#[test]
fn the_cache_can_be_listed_checked_pruned_and_cleared() {
    let work = Work::with_photos(6);
    assert!(work.ok(&["cache", "ls"]).stdout().contains("holds no features"));
    assert!(work.ok(&["cache", "verify"]).stdout().contains("0 rows as written"));
    work.trained();
    let listed = work.ok(&["cache", "ls"]).stdout();
    assert!(listed.contains("12 rows") && listed.contains("mobilenet_v1"), "{listed}");
    assert!(work.ok(&["cache", "verify"]).stdout().contains("12 rows as written"));

    let file = rows_file(&work);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[5000] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    let check = work.run(&["cache", "verify"]);
    assert_eq!(check.code(), 1);
    assert!(check.stdout().contains("11 rows as written; removed 1 damaged row"), "{}", check.stdout());

    assert!(work.ok(&["cache", "prune", "--max-size", "5GB"]).stdout().starts_with("Removed 0 rows"));
    assert!(work.ok(&["cache", "prune", "--max-size", "20kB"]).stdout().starts_with("Removed 7 rows"));
    assert!(work.path("cache/likeness").is_file());
    assert!(work.ok(&["cache", "clear", "--no-cache"]).stdout().starts_with("Removed 4 rows"));
    assert!(!work.path("cache/likeness").exists());
    assert_eq!(work.run(&["cache", "prune", "--max-size", "much"]).code(), 2);
}

#[test]
fn a_cache_that_cannot_be_written_is_a_warning() {
    let work = Work::with_photos(6);
    work.write("cache", b"a file in the way");
    let run = work.ok(&["train", "photos", "--hidden", "16", "--epochs", "3"]);
    assert!(run.stderr().contains("Careful: the feature cache in"), "{}", run.stderr());
    assert!(work.path("runs/latest/model.safetensors").is_file());
}

#[test]
fn the_faster_arithmetic_is_measured_once() {
    if tl_backbone::Precision::for_inference().len() == 1 {
        eprintln!("skipped: there is nothing but f32 to choose from here");
        return;
    }
    let work = Work::with_photos(4);
    work.ok(&["predict", "imagenet:v3_small", "photos/checks"]);
    let mut known = work.json("cache/precision.json");
    assert!(known["inference"].is_string() && known["training"].is_string(), "{known}");
    // Every processor computes in f32, so that the answer can be changed to it.
    known["inference"] = "f32".into();
    std::fs::write(work.path("cache/precision.json"), known.to_string()).unwrap();
    let args = ["train", "photos", "--backbone", "v3_small", "--hidden", "8", "--epochs", "1", "--name", "run"];
    work.ok(&args);
    let config = std::fs::read_to_string(work.path("runs/run/config.toml")).unwrap();
    assert!(config.contains("precision = \"f32\""), "{config}");
    assert_eq!(work.json("cache/precision.json"), known);
}
