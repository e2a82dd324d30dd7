//! Bad input: one clear sentence, exit code 2, nothing half-written.

use crate::harness::{Run, Work};

/// The run failed as an input error and said these words in one sentence.
fn says(run: &Run, words: &[&str]) {
    let text = run.stderr();
    assert_eq!(run.code(), 2, "{text}");
    let last = text.lines().last().unwrap_or_default();
    for word in words {
        assert!(last.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!text.contains("panicked") && !text.contains("frame #"), "{text}");
}

/// Nothing was left in the folder of runs.
fn nothing_left(work: &Work) {
    let left: Vec<_> = std::fs::read_dir(work.path("runs"))
        .map(|entries| entries.filter_map(Result::ok).map(|e| e.file_name()).filter(|n| n != "latest").collect())
        .unwrap_or_default();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn folders_that_cannot_be_trained_on() {
    let work = Work::new();
    work.photo("one/cats/1.jpg", "checks", 1);
    work.photo("empty/cats/1.jpg", "checks", 1);
    std::fs::create_dir_all(work.path("empty/dogs")).unwrap();
    std::fs::create_dir_all(work.path("bare")).unwrap();
    std::fs::create_dir_all(work.path("no_photos/a")).unwrap();
    std::fs::create_dir_all(work.path("no_photos/b")).unwrap();
    work.write("file.txt", b"hello");
    for name in ["1", "2"] {
        work.write(&format!("broken/a/{name}.jpg"), b"\xff\xd8\xff\xe0 no");
        work.write(&format!("broken/b/{name}.jpg"), b"");
    }
    says(&work.run(&["train", "one"]), &["cats"]);
    says(&work.run(&["train", "empty"]), &["dogs"]);
    says(&work.run(&["train", "bare"]), &["bare"]);
    says(&work.run(&["train", "no_photos"]), &["no_photos"]);
    says(&work.run(&["train", "file.txt"]), &["file.txt"]);
    says(&work.run(&["train", "missing"]), &["missing"]);
    // More than once: it ends while libtorch is being loaded, which went wrong now and then.
    for _ in 0..5 {
        says(&work.run(&["train", "broken"]), &["broken"]);
    }
    nothing_left(&work);
}

#[test]
fn unreadable_photos_are_skipped() {
    let work = Work::with_photos(6);
    std::fs::create_dir_all(work.path("photos/checks/folder.jpg")).unwrap();
    work.write("photos/checks/empty.jpg", b"");
    work.write("photos/stripes/text.png", b"just words");
    work.ok(&["train", "photos", "--hidden", "8", "--epochs", "1"]);
    let listed = std::fs::read_to_string(work.path("runs/latest/skipped.csv")).unwrap();
    assert!(listed.contains("empty.jpg") && listed.contains("text.png"), "{listed}");
}

#[test]
fn a_setting_that_is_typed_twice() {
    let work = Work::with_photos(6);
    let print = |more: &str| {
        work.run(&[&["train", "photos", "--print-config"], &more.split(' ').collect::<Vec<_>>()[..]].concat())
    };
    for (typed, words) in [
        ("--epochs 1 --set epochs=3", "epochs is 3 by --set and 1 by --epochs; leave one of them out"),
        ("--recipe finetune --set recipe=scratch", "recipe is \"scratch\" by --set and \"finetune\" by --recipe;"),
        ("--set lr=1 --set lr=2", "lr is 1 by --set and 2 by --set;"),
        ("--time 5m --set time_s=5", "time_s is 5 by --set and 300.0 by --time;"),
    ] {
        says(&print(typed), &[words]);
    }
    for same in [
        "--lr 1 --set lr=1.0 --hidden 16,8 --set hidden=[16,8] --head mlp --set head=mlp --set head=mlp",
        "--set data=photos --backbone v2 --set backbone=v2",
        "--class-weights weights.csv --set class_weights=weights.csv",
    ] {
        assert_eq!(print(same).code(), 0, "{}", print(same).stderr());
    }
    // A file is what others typed.
    work.write("some.toml", b"epochs = 3");
    assert!(print("--config some.toml --epochs 1").stdout().contains("epochs = 1"));
    says(&work.run(&["lr-find", "photos", "--head", "linear", "--set", "head=mlp"]), &["by --head; leave one"]);
}

#[test]
fn usage_names_no_flag_that_a_variable_gave() {
    let work = Work::new();
    let run = Run::of(work.command(&["train", "--nonsense"]).env("TL_ASSETS", work.path("assets")));
    assert!(run.code() == 2 && run.stderr().contains("Usage: tl train [OPTIONS] [DATA]\n"), "{}", run.stderr());
    let run = Run::of(work.command(&["info", "imagenet:v1"]).env("TL_ASSETS", work.path("assets")));
    says(&run, &["assets/weights/mobilenet_v1"]);
}

#[cfg(target_os = "linux")]
#[test]
fn standard_output_that_takes_no_more() {
    let work = Work::with_photos(1);
    for args in [
        &["train", "photos", "--print-config"][..],
        &["info", "imagenet:v1"],
        &["completions", "bash"],
        &["cache", "ls"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let run = Run::of(work.command(args).stdout(full));
        says(&run, &["error: the result cannot be written to standard output: No space left on device"]);
    }
}

#[test]
fn model_files_that_are_none() {
    let work = Work::with_photos(6);
    let model = std::fs::read(work.trained().join("model.safetensors")).unwrap();
    work.write("text.safetensors", b"not a model at all, but long enough to have a header");
    work.write("cut.safetensors", &model[..model.len() / 2]);
    work.write("stub.safetensors", &model[..5]);
    let newer = String::from_utf8_lossy(&model[8..4096]).into_owned();
    let at = 8 + newer.find(r#""format_version":"1""#).unwrap() + r#""format_version":""#.len();
    let mut bytes = model.clone();
    bytes[at] = b'9';
    work.write("newer.safetensors", &bytes);
    let mut damaged = model.clone();
    let end = damaged.len() - 100_000;
    damaged[end..].fill(0x7f);
    work.write("damaged.safetensors", &damaged);
    let photo = "photos/checks/001.jpg";
    says(&work.run(&["predict", "text.safetensors", photo]), &["text.safetensors", "not a model"]);
    says(&work.run(&["predict", "cut.safetensors", photo]), &["cut.safetensors", "part"]);
    says(&work.run(&["predict", "stub.safetensors", photo]), &["stub.safetensors"]);
    says(&work.run(&["predict", "newer.safetensors", photo]), &["format 9", "update tl"]);
    for args in [&["predict", "nowhere", photo][..], &["info", "nowhere"], &["evaluate", "nowhere", "photos"]] {
        says(&work.run(args), &["error: there is no model at nowhere; ", "model.safetensors"]);
    }
    says(&work.run(&["predict", "photos", photo]), &["error: photos is a folder; give the model.safetensors "]);
    says(&work.run(&["predict", photo, photo]), &["001.jpg"]);
    for args in [
        &["info", "damaged.safetensors"][..],
        &["predict", "damaged.safetensors", photo],
        &["evaluate", "damaged.safetensors", "photos"],
        &["features", "photos", "--backbone", "damaged.safetensors", "--out", "x.csv"],
    ] {
        says(&work.run(args), &["holds is not what was saved", "copy it again"]);
    }
    let weights = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/weights/mobilenet_v1.safetensors");
    says(&work.run(&["predict", weights, photo]), &["not a tl model"]);
    says(&work.run(&["predict", "imagenet:mobilenet_v9", photo]), &["mobilenet_v9", "mobilenet_v1"]);
}

#[test]
fn output_folders_that_cannot_be_written() {
    let work = Work::with_photos(6);
    work.write("taken", b"a file");
    says(&work.run(&["train", "photos", "--out", "taken"]), &["taken"]);
    says(&work.run(&["train", "photos", "--out", "/proc/nowhere"]), &["/proc/nowhere"]);
    work.trained();
    says(&work.run(&["train", "photos", "--name", "run"]), &["run", "--name"]);
}

#[test]
fn photos_that_are_none() {
    let work = Work::with_photos(6);
    work.trained();
    work.write("text.jpg", b"words");
    says(&work.run(&["predict", "runs/run", "text.jpg"]), &["text.jpg"]);
    says(&work.run(&["predict", "runs/run", "missing.jpg"]), &["missing.jpg"]);
}

#[test]
fn settings_that_cannot_be() {
    let work = Work::with_photos(6);
    let wrong =
        work.run(&["train", "photos", "--lr=-1", "--epochs", "0", "--val-fraction", "1.5", "--backbone", "resnet"]);
    assert_eq!(wrong.code(), 2);
    for word in ["lr", "epochs", "val_fraction", "resnet"] {
        assert!(wrong.stderr().contains(word), "{word}: {}", wrong.stderr());
    }
    says(&work.run(&["train", "photos", "--set", "epoch=3"]), &["epoch"]);
    says(&work.run(&["train", "photos", "--set", "batchsize=3"]), &["`batchsize`", "`batch_size` is one"]);
    says(&work.run(&["train", "photos", "--set", "hidden=wide"]), &["hidden cannot be \"wide\""]);
    says(&work.run(&["train", "photos", "--set", "epochs"]), &["key=value"]);
    let published = ["train", "photos", "--as-published", "--recipe", "finetune"];
    says(&work.run(&published), &["--as-published", "notebook"]);
    says(&work.run(&["train", "photos", "--device", "tpu"]), &["tpu"]);
    let bytes = ["train", "photos", "--precision", "int8"];
    says(&work.run(&[&bytes[..], &["--recipe", "finetune"]].concat()), &["int8", "gradients"]);
    says(&work.run(&[&bytes[..], &["--backbone", "v3_small"]].concat()), &["int8", "mobilenet_v3_small"]);
    says(&work.run(&["train", "photos", "--device", "cuda:99"]), &["cuda:99"]);
    says(&work.run(&["train", "photos", "--device", "cpu", "--precision", "f16"]), &["f16", "use bf16 or f32"]);
    let batch = ["train", "photos", "--recipe", "notebook", "--device", "cpu", "--precision", "bf16"];
    says(&work.run(&batch), &["precision is bf16", "batch_norm", "use f32"]);
    says(&work.run(&["bench", "photos", "--device", "cuda"]), &["processor", "cuda"]);
    says(&work.run(&["train", "--resume", "photos"]), &["photos"]);
    assert_eq!(work.run(&["train", "photos", "--epochs", "ten"]).code(), 2);
    nothing_left(&work);
}
