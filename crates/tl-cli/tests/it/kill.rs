//! `kill -9` while fine-tuning, and going on; `cargo xtask kill-test` does it thirty times.

#![cfg(unix)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    events::steps_and_epochs,
    harness::{Run, Work, tensor_bytes},
};

const N_KILLS: usize = 3;
const ARGS: &str = "train photos --recipe finetune --backbone v3_small --set side=64 --epochs 4 --batch-size 4 \
                    --checkpoint-steps 1 --keep last --name run --precision f32";

fn spawn(work: &Work, args: &[&str]) -> Child {
    work.command(args).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
}

fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "safetensors")).collect()
}

/// Waits for a checkpoint that was not there before, then kills; whether the run was still going on.
fn kill_after_a_checkpoint(child: &mut Child, folder: &Path) -> bool {
    let (before, started) = (checkpoints(folder), Instant::now());
    while child.try_wait().unwrap().is_none() {
        assert!(started.elapsed() < Duration::from_mins(2), "no checkpoint in {}", folder.display());
        if checkpoints(folder).iter().any(|path| !before.contains(path)) {
            child.kill().unwrap();
            child.wait().unwrap();
            return true;
        }
        thread::sleep(Duration::from_millis(2));
    }
    false
}

#[test]
fn a_killed_run_goes_on_to_the_same_bits() {
    let (whole, cut) = (Work::with_photos(8), Work::with_photos(8));
    let args: Vec<&str> = ARGS.split_whitespace().collect();
    whole.ok(&args);

    let folder = cut.path("runs/run/checkpoint");
    for kill in 0..N_KILLS {
        let mut child = if kill == 0 { spawn(&cut, &args) } else { spawn(&cut, &["train", "--resume", "runs/run"]) };
        assert!(kill_after_a_checkpoint(&mut child, &folder), "the run ended before kill {kill}");
        assert!(!cut.path("runs/run/model.safetensors").exists());
    }
    // A kill while a file is written leaves one of this kind.
    cut.write("runs/run/.tl-Ab3xYz", b"half a model");
    cut.ok(&["train", "--resume", "runs/run"]);
    assert!(!cut.path("runs/run/.tl-Ab3xYz").exists());
    for part in ["head.", "backbone."] {
        let numbers = |work: &Work| tensor_bytes(&work.path("runs/run/model.safetensors"), part);
        assert!(numbers(&whole) == numbers(&cut), "{part}* differs after {N_KILLS} kills");
    }
    let (steps, epochs) = steps_and_epochs(&cut, "runs/run");
    for told in [steps, epochs] {
        let n = told.len();
        assert!(told.iter().copied().eq(1..=n) && n > 0, "each is told once: {told:?}");
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once_and_it_goes_on_to_the_same_bits() {
    let (whole, cut) = (Work::with_photos(8), Work::with_photos(8));
    let args: Vec<&str> = ARGS.split_whitespace().collect();
    whole.ok(&args);

    let folder = cut.path("runs/run/checkpoint");
    let mut child = spawn(&cut, &args);
    let started = Instant::now();
    while checkpoints(&folder).is_empty() {
        assert!(child.try_wait().unwrap().is_none() && started.elapsed() < Duration::from_mins(2), "no checkpoint");
        thread::sleep(Duration::from_millis(2));
    }
    for _ in 0..2 {
        Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    }
    // Whichever way it took: saved after the first, or left at once after the second.
    assert_eq!(child.wait().unwrap().code(), Some(130));
    cut.ok(&["train", "--resume", "runs/run"]);
    let numbers = |work: &Work| tensor_bytes(&work.path("runs/run/model.safetensors"), "backbone.");
    assert!(numbers(&whole) == numbers(&cut));
}

/// Runs `tl` where no file may grow beyond half a megabyte, as on a disk that has no more room: models and checkpoints
/// are larger.
fn on_a_full_disk(work: &Work, args: &[&str]) -> Run {
    let tl = work.command(args);
    let mut limited = Command::new("bash");
    limited.current_dir(work.path("")).args(["-c", "ulimit -f 500; exec \"$0\" \"$@\""]).arg(tl.get_program());
    limited.args(tl.get_args()).env("TL_CACHE", work.path("cache"));
    Run::of(&mut limited)
}

#[test]
fn a_run_whose_model_finds_no_room_leaves_the_rest_and_can_be_done_again() {
    let work = Work::with_photos(6);
    let args = ["train", "photos", "--hidden", "16", "--epochs", "4", "--name", "run"];
    let run = on_a_full_disk(&work, &args);
    assert_eq!(run.code(), 2, "{}", run.stderr());
    for words in ["cannot write", "model.safetensors", "File too large", "go on with", "train --resume runs/run"] {
        assert!(run.stderr().contains(words), "{words} is not in {}", run.stderr());
    }
    for file in ["config.toml", "events.jsonl", "history.csv", "skipped.csv"] {
        assert!(work.path("runs/run").join(file).is_file(), "{file}");
    }
    let history = || std::fs::read_to_string(work.path("runs/run/history.csv")).unwrap().lines().count();
    assert_eq!(history(), 1 + 4);
    work.ok(&["train", "--resume", "runs/run"]);
    assert_eq!((history(), work.path("runs/run/metrics.json").is_file()), (1 + 4, true));
}

#[test]
fn a_full_disk_is_told_and_the_run_goes_on_to_the_same_bits_once_there_is_room() {
    let (whole, cut) = (Work::with_photos(8), Work::with_photos(8));
    let args: Vec<&str> = ARGS.split_whitespace().collect();
    whole.ok(&args);

    let folder = cut.path("runs/run/checkpoint");
    assert!(kill_after_a_checkpoint(&mut spawn(&cut, &args), &folder));
    let before = checkpoints(&folder);
    let run = on_a_full_disk(&cut, &["train", "--resume", "runs/run"]);
    assert_eq!(run.code(), 2, "{}", run.stderr());
    for words in ["cannot write", "checkpoint/tune-", "File too large", "train --resume runs/run"] {
        assert!(run.stderr().contains(words), "{words} is not in {}", run.stderr());
    }
    assert_eq!(checkpoints(&folder), before, "what was saved is as it was, and nothing half-written lies about");
    cut.ok(&["train", "--resume", "runs/run"]);
    let numbers = |work: &Work| tensor_bytes(&work.path("runs/run/model.safetensors"), "backbone.");
    assert!(numbers(&whole) == numbers(&cut));
}
