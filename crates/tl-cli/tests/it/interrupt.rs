//! Ctrl-C, and going on.

#![cfg(unix)]

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use tl_events::Record;

use crate::{
    events::{curve, told},
    harness::{Work, tensor_bytes},
};

// The precision is named: two caches measure it twice, and on a busy machine to two answers.
const ARGS: [&str; 10] =
    ["train", "photos", "--hidden", "256,256", "--epochs", "400", "--batch-size", "4", "--precision", "f32"];

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let (whole, cut) = (Work::with_photos(10), Work::with_photos(10));
    let args = [&ARGS[..], &["--class-weights", "weights.csv"]].concat();
    for work in [&whole, &cut] {
        work.write("weights.csv", b"class,weight\nstripes,0.5\nchecks,4\n");
    }
    whole.ok(&args);

    let mut child = cut.command(&args).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("Epoch   3/400")), "the run never reached epoch 3");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.last().unwrap().contains("train --resume runs/photos-1"), "{rest:?}");
    assert!(!cut.path("runs/photos-1/model.safetensors").exists());

    let resumed = cut.ok(&["train", "--resume", "runs/latest"]);
    assert!(resumed.stderr().contains("Going on after"), "{}", resumed.stderr());
    let facts = cut.ok(&["info", "runs/latest"]).stdout();
    assert!(
        facts.contains(&args.join(" ")) && !facts.contains("--resume"),
        "the model's command is the first: {facts}"
    );
    let head = |work: &Work| tensor_bytes(&work.path("runs/latest/model.safetensors"), "head.");
    assert_eq!(head(&whole), head(&cut));
    let history = |work: &Work| {
        let text = std::fs::read_to_string(work.path("runs/latest/history.csv")).unwrap();
        text.lines().map(|line| line.rsplit_once(',').unwrap().0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(history(&whole), history(&cut));
    for tag in ["step/loss", "loss/train", "accuracy/validation"] {
        let of = |work: &Work| curve(work, "runs/latest", tag);
        assert_eq!(of(&whole), of(&cut), "{tag}");
    }
    let n_resumed = told(&cut, "runs/latest").iter().filter(|l| matches!(l.record, Record::Resumed { .. })).count();
    assert_eq!(n_resumed, 1);
}

#[test]
fn a_run_is_not_resumed_on_other_photos() {
    let work = Work::with_photos(10);
    let mut child = work.command(&ARGS).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("Epoch   2/400")));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let refused = |args: &[&str], reason: &str| {
        let run = work.run(&[&["train", "--resume", "runs/photos-1"], args].concat());
        assert!(run.code() == 2 && run.stderr().contains(reason), "{}", run.stderr());
    };
    let photo = std::fs::read(work.path("photos/checks/000.jpg")).unwrap();
    work.photo("photos/checks/new.jpg", "checks", 78);
    refused(&[], "photos/checks/new.jpg is new; train again");
    std::fs::remove_file(work.path("photos/checks/new.jpg")).unwrap();
    std::fs::rename(work.path("photos"), work.path("moved")).unwrap();
    refused(&[], "train --resume runs/photos-1 DATA");
    work.photo("moved/checks/000.jpg", "checks", 77);
    refused(&["moved"], "photos have changed");
    // The same photos elsewhere are the same.
    std::fs::write(work.path("moved/checks/000.jpg"), photo).unwrap();
    work.ok(&["train", "--resume", "runs/photos-1", "moved"]);
}

#[test]
fn a_wrong_flag_costs_an_interrupted_run_nothing() {
    let work = Work::with_photos(10);
    let mut child = work.command(&ARGS).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("Epoch   2/400")));
    let beside = work.run(&["train", "--resume", "runs/photos-1"]);
    assert_eq!(beside.code(), 2);
    assert!(beside.stderr().contains("another tl works on it"), "{}", beside.stderr());
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(work.path("runs/photos-1/history.csv").exists());

    let config = || std::fs::read(work.path("runs/photos-1/config.toml")).unwrap();
    let before = config();
    for wrong in [["--seed", "7"], ["--hidden", "8"], ["--lr", "1"], ["--precision", "bf16"], ["--epochs", "1"]] {
        let run = work.run(&[&["train", "--resume", "runs/photos-1"], &wrong[..]].concat());
        assert_eq!(run.code(), 2, "{wrong:?}: {}", run.stderr());
        let reason = if wrong[0] == "--epochs" { "are done or begun" } else { "which stays; leave --" };
        assert!(run.stderr().contains(reason), "{wrong:?}: {}", run.stderr());
        assert!(config() == before, "{wrong:?}");
    }
    let checkpoints = std::fs::read_dir(work.path("runs/photos-1/checkpoint")).unwrap();
    let checkpoints: Vec<_> = checkpoints.map(|entry| entry.unwrap().path()).collect();
    let whole: Vec<_> = checkpoints.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, whole) in checkpoints.iter().zip(&whole) {
        std::fs::write(path, &whole[..whole.len() / 2]).unwrap();
    }
    let cut = work.run(&["train", "--resume", "runs/photos-1"]);
    assert!(cut.code() == 2 && cut.stderr().contains("and the run starts over"), "{}", cut.stderr());
    for (path, whole) in checkpoints.iter().zip(whole) {
        std::fs::write(path, whole).unwrap();
    }
    let whole = config();
    for (edited, reason) in [
        (whole.split_inclusive(|byte| *byte == b'\n').take(10).flatten().copied().collect(), "lacks"),
        (String::from_utf8(whole.clone()).unwrap().replace("seed = 0", "seed = 7").into_bytes(), "seed was 0"),
    ] {
        std::fs::write(work.path("runs/photos-1/config.toml"), &edited).unwrap();
        let refused = work.run(&["train", "--resume", "runs/photos-1"]);
        assert!(refused.code() == 2 && refused.stderr().contains(reason), "{reason}: {}", refused.stderr());
    }
    std::fs::write(work.path("runs/photos-1/config.toml"), whole).unwrap();
    work.ok(&["train", "--resume", "runs/photos-1", "--threads", "1", "--seed", "0"]);
    let model = std::fs::read(work.path("runs/photos-1/model.safetensors")).unwrap();
    let again = work.ok(&["train", "--resume", "runs/photos-1"]);
    assert!(again.stderr().contains("is finished; its model is runs/photos-1/model.safetensors"), "{}", again.stderr());
    let longer = work.run(&["train", "--resume", "runs/photos-1", "--epochs", "500"]);
    assert!(longer.code() == 2 && longer.stderr().contains("is finished; train a new one"), "{}", longer.stderr());
    assert!(std::fs::read(work.path("runs/photos-1/model.safetensors")).unwrap() == model);
    assert!(!work.path("runs/photos-1/checkpoint").exists());
}

#[test]
fn a_wait_for_the_cache_is_said_and_ends_with_the_first_signal() {
    let work = Work::with_photos(2);
    let features = ["features", "photos", "--out", "x.npy", "--backbone", "v3_small"];
    work.ok(&features);
    let held = std::fs::File::open(work.path("cache/features/lock")).unwrap();
    held.lock().unwrap();
    let mut child = work.command(&features).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let said = lines.find(|line| line.starts_with("Waiting for the feature cache in ")).unwrap();
    assert!(said.contains("cache/features, which another tl uses"), "{said}");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    held.unlock().unwrap();
    work.ok(&features);
}
