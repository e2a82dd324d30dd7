//! `tl data` and `tl bench data`.

use image::{ImageFormat, RgbImage, imageops};

use crate::harness::{Work, sample};

/// A made photo of 360x270 with edges, unlike that of another seed.
fn scene(seed: u32) -> RgbImage {
    let mut state = u64::from(seed) * 2 + 1;
    let mut random = move || {
        // The multiplier of Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 16_777_216.0
    };
    let disks: Vec<_> =
        (0..40).map(|_| [random() * 360.0, random() * 270.0, random() * 60.0 + 9.0, random()]).collect();
    RgbImage::from_fn(360, 270, |x, y| {
        let inside = |disk: &&[f32; 4]| (x as f32 - disk[0]).hypot(y as f32 - disk[1]) < disk[2];
        let shade = disks.iter().rev().find(inside).map_or(0.5, |disk| disk[3]);
        image::Rgb([shade, shade * 0.7 + 0.1, 1.0 - shade].map(|v| (v * 255.0) as u8))
    })
}

/// Six ordinary photos in each of two classes, below `root`.
fn with_scenes(root: &str) -> Work {
    let work = Work::new();
    for (class, first) in [("cat", 0), ("dog", 100)] {
        for i in 0..6 {
            save(&work, &format!("{root}/{class}/{i}.jpg"), &scene(first + i));
        }
    }
    work
}

fn save(work: &Work, inside: &str, picture: &RgbImage) {
    let path = work.path(inside);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    picture.save_with_format(path, ImageFormat::from_path(inside).unwrap()).unwrap();
}

fn copy(work: &Work, from: &str, to: &str) {
    work.write(to, &std::fs::read(work.path(from)).unwrap());
}

#[test]
fn an_ordinary_folder_passes() {
    let work = with_scenes("photos");
    let run = work.ok(&["data", "audit", "photos"]);
    insta::assert_snapshot!("audit_clean", run.stdout().replace(|c: char| c.is_ascii_digit(), "9"));
}

#[test]
fn planted_troubles_are_found() {
    let work = with_scenes("photos/train");
    save(&work, "photos/val/cat/own.jpg", &scene(50));
    save(&work, "photos/val/dog/own.jpg", &scene(51));
    copy(&work, "photos/train/cat/0.jpg", "photos/val/cat/leak.jpg");
    copy(&work, "photos/train/cat/1.jpg", "photos/train/dog/two labels.jpg");
    save(&work, "photos/train/dog/smaller.jpg", &imageops::thumbnail(&scene(102), 300, 225));
    save(&work, "photos/train/dog/blurred.png", &imageops::blur(&scene(52), 6.0));
    let mut dark = scene(53);
    dark.pixels_mut().for_each(|p| p.0 = p.0.map(|v| v / 8));
    save(&work, "photos/train/dog/dark.png", &dark);
    work.write("photos/train/cat/empty.jpg", b"");
    let half = std::fs::read(work.path("photos/train/cat/3.jpg")).unwrap();
    work.write("photos/train/cat/half.jpg", &half[..half.len() / 2]);

    let run = work.run(&["data", "audit", "photos", "--html", "audit.html"]);
    assert_eq!(run.code(), 1, "{}", run.stderr());
    let text = run.stdout();
    for part in [
        "1 picture on both sides of a split\n    equal files:\n      photos/train/cat/0.jpg (train, cat)\n      photos/val/cat/leak.jpg (val, cat)",
        "1 picture under two labels\n    equal files:\n      photos/train/cat/1.jpg (train, cat)\n      photos/train/dog/two labels.jpg (train, dog)",
        "2 files cannot be used: 1 empty, 1 truncated",
        "1 picture more than once\n    alike to the eye:\n      photos/train/dog/2.jpg (train, dog)\n      photos/train/dog/smaller.jpg",
        "1 photo very dark\n    photos/train/dog/dark.png",
        "1 photo blurred\n    photos/train/dog/blurred.png",
    ] {
        assert!(text.contains(part), "{part}\nis not in\n{text}");
    }
    let page = std::fs::read_to_string(work.path("audit.html")).unwrap();
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 8, "three pairs, one dark, one blurred");
    assert!(page.ends_with("</html>"));

    let json = work.run(&["data", "audit", "photos", "--json", "--threads", "1"]);
    assert_eq!(json.code(), 1);
    let document: serde_json::Value = serde_json::from_str(&json.stdout()).unwrap();
    assert_eq!((&document["format"], document["groups"].as_array().unwrap().len()), (&1.into(), 3));
    assert_eq!(document["unusable"][1]["kind"], "truncated");
    assert_eq!(json.stdout(), work.run(&["data", "audit", "photos", "--json", "--threads", "3"]).stdout());
}

#[test]
fn a_preview_shows_photos_beside_their_views() {
    let work = with_scenes("photos");
    let run = work.ok(&["data", "preview", "photos", "--augment", "flip(1)", "--out", "sheet.png", "--n", "2"]);
    assert!(run.stdout().contains("1  cat  photos/cat/") && run.stdout().contains("2  dog"), "{}", run.stdout());
    let sheet = image::open(work.path("sheet.png")).unwrap().into_rgb8();
    assert_eq!(sheet.dimensions(), (7 * 232 + 8, 2 * 232 + 8));
    let cell = |column: u32, row: u32| imageops::crop_imm(&sheet, 8 + column * 232, 8 + row * 232, 224, 224).to_image();
    assert_eq!(cell(1, 1), imageops::flip_horizontal(&cell(0, 1)));
    assert_ne!(cell(0, 0), cell(0, 1));

    let other = work.run(&["data", "preview", "photos", "--out", "sheet.jpg"]);
    assert!(other.code() == 2 && other.stderr().contains("end its name in .png"), "{}", other.stderr());
    let wrong = work.run(&["data", "preview", "photos", "--augment", "spin(3)", "--out", "sheet.png"]);
    assert_eq!(wrong.code(), 2);
    assert!(wrong.stderr().contains("spin"), "{}", wrong.stderr());
}

#[test]
fn a_split_is_written_and_read_back() {
    let work = with_scenes("photos");
    work.write("lists/about.txt", b"a list beside other files");
    std::fs::rename(work.path("photos/cat/0.jpg"), work.path("photos/cat/ 0.jpg")).unwrap();
    let run = work.ok(&["data", "split", "photos", "--out", "lists/all.csv", "--val-fraction", "0.34"]);
    assert!(run.stdout().contains("8 photos to train on, 4 to validate on"), "{}", run.stdout());
    let text = std::fs::read_to_string(work.path("lists/all.csv")).unwrap();
    assert!(text.starts_with("path,label,split\n"), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with(",dog,val")).count(), 2, "{text}");
    let audit = work.ok(&["data", "audit", "lists/all.csv", "--json"]).stdout();
    let audit: serde_json::Value = serde_json::from_str(&audit).unwrap();
    assert_eq!((&audit["classes"][0]["train"], &audit["classes"][0]["val"]), (&4.into(), &2.into()));

    let again = work.run(&["data", "split", "lists/all.csv", "--out", "b.csv"]);
    assert_eq!(again.code(), 2);
    assert!(again.stderr().contains("has its validation photos already"), "{}", again.stderr());
}

#[test]
fn folds_validate_on_each_photo_once_and_keep_groups() {
    let work = with_scenes("photos");
    let rows: Vec<_> = ["cat", "dog"]
        .into_iter()
        .flat_map(|class| (0..6).map(move |i| format!("photos/{class}/{i}.jpg,{class},pair {}", i / 2)))
        .collect();
    work.write("groups.csv", format!("path,label,group\n{}\n", rows.join("\n")).as_bytes());
    work.ok(&["data", "split", "groups.csv", "--out", "k.jsonl", "--folds", "3"]);
    let mut validated = Vec::new();
    for fold in 1..=3 {
        let text = std::fs::read_to_string(work.path(&format!("k-fold{fold}.jsonl"))).unwrap();
        let rows: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(rows.len(), 12);
        let val: Vec<_> = rows.iter().filter(|row| row["split"] == "val").collect();
        assert!(val.iter().all(|row| row["group"] == val[0]["group"]), "a pair of both classes in each fold: {text}");
        validated.extend(val.iter().map(|row| row["path"].as_str().unwrap().to_owned()));
    }
    validated.sort();
    validated.dedup();
    assert_eq!(validated.len(), 12);
}

#[test]
fn reading_is_measured() {
    let work = with_scenes("photos");
    work.write("photos/cat/broken.jpg", b"no");
    let run = work.ok(&["bench", "data", "photos", "--seconds", "0.05", "--threads", "2"]);
    let text = run.stdout();
    assert!(text.starts_with("12 photos of photos, decoded and resized to 224x224"), "{text}");
    let rows: Vec<Vec<&str>> = text.lines().skip(3).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!((rows[0][0], rows[1][0]), ("1", "2"));
    assert!(rows.iter().all(|row| row[1].parse::<f64>().unwrap() > 0.0 && row[2].parse::<f64>().unwrap() > 0.0));
    assert!(run.stderr().contains("broken.jpg"), "{}", run.stderr());
}

#[test]
fn every_stage_is_measured() {
    let work = Work::with_photos(50);
    let args = ["bench", "photos", "--json", "--runs", "1", "--seconds", "0.01", "--backbone", "v3_small"];
    let report: serde_json::Value = serde_json::from_str(&work.ok(&args).stdout()).unwrap();
    assert_eq!(report["n_photos"], 100);
    assert_eq!(report["pipeline"].as_array().unwrap().len(), 2);
    let stages: Vec<&str> = report["stages"].as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert_eq!(stages[..3], ["read and hash", "decode and resize", "network f32, batch 1"]);
    // Whatever else the processor computes well in.
    let spec = tl_backbone::spec("mobilenet_v3_small").unwrap();
    let networks = spec.precisions().into_iter().map(|precision| format!("network {}, batch 32", precision.name()));
    assert!(stages[5..].iter().step_by(4).eq(networks.collect::<Vec<_>>().iter()), "{stages:?}");
    for stage in report["stages"].as_array().unwrap().iter().chain(report["pipeline"].as_array().unwrap()) {
        assert!(stage["photos_per_s"]["median"].as_f64().unwrap() > 0.0, "{stage}");
    }
    let reached = report["bound"]["fraction_reached"].as_f64().unwrap();
    assert!(reached > 0.0, "{reached}");
    let peak = |i: usize| report["processes"][i]["peak_memory_mib"]["median"].as_f64().unwrap();
    assert!(peak(0) > 1.0 && peak(1) > peak(0));
}

#[test]
fn the_sample_is_sound() {
    let work = Work::new();
    let run = work.ok(&["data", "audit", &sample("pizza_steak_sushi")]);
    assert!(run.stdout().starts_with("300 photos in 3 classes"), "{}", run.stdout());
}

#[test]
fn lists_of_several_classes_are_split_and_audited() {
    let work = with_scenes("photos");
    let row = |class: &str, i: u32| {
        format!(
            "photos/{class}/{i}.jpg,{}\n",
            if i.is_multiple_of(2) { class.to_owned() } else { format!("{class};pet") }
        )
    };
    let rows: String = ["cat", "dog"].iter().flat_map(|class| (0..6).map(move |i| row(class, i))).collect();
    work.write("list.csv", format!("path,label\n{rows}").as_bytes());
    work.ok(&["data", "split", "list.csv", "--multi-label", "--out", "split.csv"]);
    let audit = work.ok(&["data", "audit", "split.csv", "--multi-label", "--json"]).stdout();
    let audit: serde_json::Value = serde_json::from_str(&audit).unwrap();
    let n_of = |class: &serde_json::Value| class["train"].as_u64().unwrap() + class["val"].as_u64().unwrap();
    let counts: Vec<_> = audit["classes"].as_array().unwrap().iter().map(n_of).collect();
    assert_eq!(counts, [6, 6, 6], "{audit}");
    let folds = work.ok(&["data", "split", "list.csv", "--multi-label", "--folds", "3", "--out", "k.csv"]);
    assert!(!folds.stderr().contains("cannot be trained on"), "{}", folds.stderr());
}

#[test]
fn faults_are_listed_not_given_up_on() {
    let work = with_scenes("photos/train");
    std::fs::create_dir(work.path("photos/train/empty")).unwrap();
    save(&work, "photos/val/cow/own.jpg", &scene(50));
    let run = work.ok(&["data", "audit", "photos"]);
    assert!(run.stdout().contains("a class has no usable photo to train on"), "{}{}", run.stdout(), run.stderr());
    assert!(work.ok(&["data", "audit", "--help"]).stdout().contains("Exit code 1"));
}

#[test]
fn a_class_without_photos_to_validate_on_is_told() {
    let work = with_scenes("photos");
    (1..6).for_each(|i| copy(&work, "photos/cat/0.jpg", &format!("photos/cat/{i}.jpg")));
    let run = work.ok(&["data", "split", "photos", "--out", "split.csv"]);
    assert!(run.stderr().contains("no photo to validate on is of cat"), "{}", run.stderr());
}
