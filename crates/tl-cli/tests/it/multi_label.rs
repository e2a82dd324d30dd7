//! Photos with several classes, or none.

use serde_json::Value;

use crate::harness::Work;

/// Photos by the classes that can be seen on them: a pattern, or none, and whether they are dark.
fn photos() -> Work {
    let work = Work::new();
    let mut list = vec!["path,label".to_owned()];
    for (pattern, dark) in [("checks", false), ("checks", true), ("plain", false), ("plain", true)] {
        for i in 0..10 {
            let path = format!("photos/{pattern}{}{i}.png", u8::from(dark));
            picture(&work, &path, pattern == "checks", dark, i);
            let classes = [(pattern == "checks", "checks"), (dark, "dark")];
            let classes: Vec<_> = classes.into_iter().filter_map(|(has, name)| has.then_some(name)).collect();
            list.push(format!("{path},{}", classes.join(";")));
        }
    }
    work.write("list.csv", list.join("\n").as_bytes());
    work
}

fn picture(work: &Work, path: &str, checks: bool, dark: bool, seed: u32) {
    let path = work.path(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let scale = if dark { 4 } else { 1 };
    let period = 8 + seed % 5;
    let picture = image::RgbImage::from_fn(96 + seed, 96, |x, y| {
        let on = checks && (x / period + y / period).is_multiple_of(2);
        let shade = if on { 40 } else { 200 + seed as u8 };
        image::Rgb([shade / scale, shade / scale, (255 - shade / 4) / scale])
    });
    picture.save(path).unwrap();
}

/// The numbers of `tl evaluate --json`.
fn evaluated(work: &Work, data: &str) -> Value {
    serde_json::from_str(&work.ok(&["evaluate", "runs/run", data, "--json"]).stdout()).unwrap()
}

#[test]
fn each_class_is_answered_for_itself() {
    let work = photos();
    let run = work.ok(&["train", "list.csv", "--multi-label", "--hidden", "32", "--epochs", "12", "--name", "run"]);
    assert!(
        run.stderr().contains("Found 32 images belonging to 2 classes for training: checks 16, dark 16"),
        "{}",
        run.stderr()
    );
    assert!(run.stdout().contains("all classes right in 100.0 % of 8 photos"), "{}", run.stdout());
    let metrics = work.json("runs/run/metrics.json");
    assert_eq!(metrics["classes"], serde_json::json!(["checks", "dark"]));
    assert_eq!(metrics["multi_label"]["mean_average_precision"], 1.0);
    assert_eq!(metrics["multi_label"]["exact_match"], metrics["val_accuracy"]);

    let show = |more: &[&str]| {
        let args = ["predict", "runs/run", "photos/checks13.png", "photos/plain03.png"];
        work.ok(&[&args, more].concat()).stdout()
    };
    let table = show(&[]);
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("checks") && lines[0].contains("dark"), "{table}");
    assert!(lines[1].ends_with("(none)"), "{table}");
    let json: Value = serde_json::from_str(&show(&["--format", "json"])).unwrap();
    assert_eq!(json["predictions"][0]["classes"].as_array().unwrap().len(), 2);
    assert_eq!(json["predictions"][1]["classes"], serde_json::json!([]));
    let best: Value = serde_json::from_str(show(&["--format", "jsonl", "--top", "1"]).lines().nth(1).unwrap()).unwrap();
    assert_eq!((best["top"].as_array().unwrap().len(), best["classes"].as_array().unwrap().len()), (1, 0));
    let csv = show(&["--format", "csv"]);
    assert_eq!((csv.lines().count(), csv.lines().last()), (4, Some("photos/plain03.png,,,")), "{csv}");
    assert!(!show(&["--threshold", "0"]).contains("(none)"));

    let numbers = evaluated(&work, "list.csv");
    assert_eq!((numbers["n_images"].as_u64(), numbers["exact_match"].as_f64()), (Some(40), Some(1.0)), "{numbers}");
    let text = work.ok(&["evaluate", "runs/run", "list.csv"]).stdout();
    assert!(text.contains("All classes right in 100.0 % of 40 photos") && text.contains("micro average"), "{text}");
    assert!(work.ok(&["info", "runs/run", "--verify"]).stdout().contains("multi_label        true"));

    let everything = work.ok(&["evaluate", "runs/run", "list.csv", "--json", "--threshold", "0"]).stdout();
    let everything: Value = serde_json::from_str(&everything).unwrap();
    assert_eq!((everything["micro"]["recall"].as_f64(), everything["threshold"].as_f64()), (Some(1.0), Some(0.0)));
    assert_eq!(everything["exact_match"], 0.25, "{everything}");

    // A list of photos to validate on alone, with one of the classes wrong.
    work.write("val.csv", b"path,label,split\nphotos/checks13.png,dark,val\nphotos/plain03.png,,val\n");
    assert_eq!(evaluated(&work, "val.csv")["label_accuracy"], 0.75);
}

#[test]
fn a_fitted_head_and_a_tuned_backbone_know_several_classes_too() {
    let work = photos();
    let train = |more: &[&str]| work.ok(&[&["train", "list.csv", "--multi-label"], more].concat());
    let run = train(&["--head", "logistic", "--name", "run"]);
    assert!(run.stdout().contains("all classes right in 100.0 % of 8 photos"), "{}", run.stdout());
    let metrics = work.json("runs/run/metrics.json");
    let fitted: Vec<_> = metrics["fits"].as_array().unwrap().iter().map(|fit| &fit["class"]).collect();
    assert_eq!(fitted, metrics["classes"].as_array().unwrap().iter().collect::<Vec<_>>());
    let numbers = evaluated(&work, "list.csv");
    assert_eq!((numbers["n_images"].as_u64(), numbers["exact_match"].as_f64()), (Some(40), Some(1.0)), "{numbers}");
    train(&[
        "--recipe",
        "finetune",
        "--backbone",
        "v3_small",
        "--freeze",
        "stage:4",
        "--epochs",
        "1",
        "--name",
        "tuned",
    ]);
    assert_eq!(work.json("runs/tuned/metrics.json")["multi_label"]["exact_match"], 1.0);
}

#[test]
fn a_list_of_one_class_each_is_evaluated_too() {
    let work = Work::with_photos(8);
    work.trained();
    work.write("list.csv", b"path,label\nphotos/checks/001.jpg,checks\nphotos/stripes/001.jpg,checks\n");
    assert_eq!(evaluated(&work, "list.csv")["accuracy"], 0.5);
    for asked in [["predict", "runs/run", "photos"], ["evaluate", "runs/run", "list.csv"]] {
        let run = work.run(&[&asked[..], &["--threshold", "0.4"]].concat());
        assert!(run.code() == 2 && run.stderr().contains("--threshold is for models with several"), "{}", run.stderr());
    }
}

#[test]
fn several_classes_without_the_flag_are_an_error_that_names_it() {
    let work = photos();
    let run = work.run(&["train", "list.csv", "--epochs", "1"]);
    assert_eq!(run.code(), 2);
    assert!(run.stderr().contains("list.csv, line 12") && run.stderr().contains("--multi-label"), "{}", run.stderr());
    let run = work.run(&["train", "photos", "--multi-label", "--class-weights", "balanced"]);
    assert!(run.code() == 2 && run.stderr().matches("multi_label is set").count() == 2, "{}", run.stderr());
    // A folder may well have a class of such a name.
    for i in 0..6 {
        work.photo(&format!("odd/a;b/{i}.png"), "checks", i);
        work.photo(&format!("odd/c/{i}.png"), "stripes", i);
    }
    work.ok(&["train", "odd", "--hidden", "8", "--epochs", "1"]);
}
