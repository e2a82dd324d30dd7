//! Fine-tuning that is interrupted, and gone on with.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use tempfile::TempDir;
use tl_train::{Event, Keep, Outcome, RunFolder, RunMetrics, Sampler, Schedule, TrainOptions, train};

use crate::{
    finetune::{model, options},
    run::{inputs, photos, run},
};

/// Whether an epoch of fine-tuning ends.
pub(crate) fn after_an_epoch(event: &Event<'_>) -> bool {
    matches!(event, Event::Epoch { record, .. } if record.epoch > 1)
}

/// Runs until it is done, stopped wherever `halts` says so, with `between` to look at the last checkpoints then.
pub(crate) fn interrupted(
    options: &TrainOptions,
    dir: &TempDir,
    name: &str,
    halts: impl Fn(&Event<'_>) -> bool,
    mut between: impl FnMut(&[PathBuf]),
) -> (usize, Vec<usize>, RunMetrics) {
    let folder = RunFolder::create(&dir.path().join("runs"), Some(name), "").unwrap();
    let (stop, mut n_stops, mut steps) = (AtomicBool::new(false), 0, Vec::new());
    loop {
        stop.store(false, Ordering::Relaxed);
        let mut observer = |event: &Event<'_>| {
            if halts(event) {
                stop.store(true, Ordering::Relaxed);
            }
            if let Event::Step(record) = event {
                steps.push(record.step);
            }
        };
        match train(inputs(options.clone(), folder.clone()), &mut observer, &stop).unwrap() {
            Outcome::Interrupted { .. } => {
                n_stops += 1;
                let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path().join("checkpoint"))
                    .unwrap()
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("tune-"))
                    .collect();
                files.sort();
                assert!(files.len() <= 2, "{files:?}");
                between(&files);
            }
            Outcome::Finished(metrics) => return (n_stops, steps, *metrics),
        }
    }
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_bits() {
    let dir = photos();
    let options = TrainOptions { checkpoint_steps: 1, ..options(&dir) };
    let whole = run(options.clone(), &dir, "whole");
    let (n_stops, steps, metrics) = interrupted(&options, &dir, "cut", after_an_epoch, |_| {});
    assert_eq!(n_stops, 2);
    assert_eq!(steps, (1..=steps.len()).collect::<Vec<_>>(), "no step is taken twice, those of the head neither");
    assert_eq!(metrics.train_loss.to_bits(), whole.train_loss.to_bits());
    assert!(model(&dir, "whole") == model(&dir, "cut"));

    // The newest checkpoint is damaged, once, or the last two: the one before it and the best one are as good.
    for n_damaged in [1, 2] {
        let (name, was_damaged) = (format!("damaged-{n_damaged}"), AtomicBool::new(false));
        let (.., damaged) = interrupted(&options, &dir, &name, after_an_epoch, |files| {
            if was_damaged.swap(true, Ordering::Relaxed) {
                return;
            }
            for file in &files[files.len() - n_damaged..] {
                let mut bytes = std::fs::read(file).unwrap();
                let last = bytes.len() - 1;
                bytes[last] ^= 0x40;
                std::fs::write(file, &bytes).unwrap();
            }
        });
        assert_eq!(damaged.train_loss.to_bits(), whole.train_loss.to_bits());
        assert!(model(&dir, "whole") == model(&dir, &name), "{n_damaged} damaged");
    }
    assert!(!dir.path().join("runs/cut/checkpoint").exists(), "a finished run keeps no checkpoints");
}

#[test]
fn a_best_epoch_that_is_lost_gives_way_to_later_ones() {
    let dir = photos();
    let options = TrainOptions { keep: Keep::Best, ..options(&dir) };
    let mut was_lost = false;
    let (n_stops, _, metrics) = interrupted(&options, &dir, "lost", after_an_epoch, |files| {
        let best: Vec<PathBuf> = std::fs::read_dir(files[0].parent().unwrap())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("best-"))
            .collect();
        assert_eq!(best.len(), 1);
        if !std::mem::replace(&mut was_lost, true) {
            // Another file: the same bytes may be those of the last checkpoint too.
            std::fs::remove_file(&best[0]).unwrap();
            std::fs::write(&best[0], b"not a checkpoint").unwrap();
        }
    });
    assert_eq!(n_stops, 2);
    assert!(metrics.kept_epoch.is_some_and(|epoch| epoch > 2), "{:?}", metrics.kept_epoch);
}

/// All that a run may remember between its steps.
#[test]
fn so_does_one_that_balances_averages_and_cuts() {
    let dir = photos();
    let options = TrainOptions {
        checkpoint_steps: 1,
        batch_size: 2,
        accumulate: 2,
        sampler: Sampler::Balanced,
        mixup: 0.4,
        cutmix: 1.0,
        ema_decay: Some(0.7),
        clip_value: Some(0.01),
        schedule: Schedule::Plateau,
        plateau_patience: 0,
        keep: Keep::Best,
        ..options(&dir)
    };
    let whole = run(options.clone(), &dir, "whole");
    let (n_stops, _, metrics) = interrupted(&options, &dir, "cut", after_an_epoch, |_| {});
    assert_eq!((n_stops, metrics.val_loss), (2, whole.val_loss));
    assert!(model(&dir, "whole") == model(&dir, "cut"));
    let proof = whole.freezing.unwrap();
    assert_eq!(proof.blake3_before, proof.blake3_after, "averages of what stands still stand still");
}

/// The last step of an epoch among them, after which the validation photos are not looked at any more.
#[test]
fn so_does_one_that_is_stopped_after_every_step() {
    let dir = photos();
    let options = TrainOptions { keep: Keep::Best, ..options(&dir) };
    let whole = run(options.clone(), &dir, "whole");
    let of_tuning = |event: &Event<'_>| matches!(event, Event::Step(_));
    let (n_stops, steps, metrics) = interrupted(&options, &dir, "cut", of_tuning, |_| {});
    assert_eq!((n_stops, metrics.val_loss), (steps.len(), whole.val_loss));
    assert!(model(&dir, "whole") == model(&dir, "cut"));
}

/// A process that is killed between two files leaves the best of an epoch, and no checkpoint of it.
#[test]
fn so_does_one_whose_last_checkpoint_was_never_written() {
    let dir = photos();
    // Of rates as small as this every epoch is a little better than what it begins with.
    let options = TrainOptions { keep: Keep::Best, lr: 1e-4, backbone_lr: 1e-4, ..options(&dir) };
    let whole = run(options.clone(), &dir, "whole");
    let lose = |files: &[PathBuf]| std::fs::remove_file(files.last().unwrap()).unwrap();
    let was_lost = AtomicBool::new(false);
    let (.., metrics) = interrupted(&options, &dir, "cut", after_an_epoch, |files| {
        if !was_lost.swap(true, Ordering::Relaxed) {
            lose(files);
        }
    });
    assert_eq!((metrics.kept_epoch, metrics.val_loss), (whole.kept_epoch, whole.val_loss));
    assert!(model(&dir, "whole") == model(&dir, "cut"));
}

/// Which stages move in an epoch was laid out when the run began.
#[test]
fn a_run_goes_on_with_fewer_and_with_more_epochs() {
    let dir = photos();
    for (before, after) in [(4, 2), (2, 5)] {
        let name = format!("{before}-{after}");
        let begun = TrainOptions { epochs: before, freeze: "none".to_owned(), ..options(&dir) };
        let folder = RunFolder::create(&dir.path().join("runs"), Some(&name), "").unwrap();
        let (stop, mut n_epochs) = (AtomicBool::new(false), 0);
        let mut observer = |event: &Event<'_>| {
            n_epochs += usize::from(after_an_epoch(event));
            if after_an_epoch(event) && n_epochs == 1 {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let outcome = train(inputs(begun.clone(), folder.clone()), &mut observer, &stop).unwrap();
        assert!(matches!(outcome, Outcome::Interrupted { .. }));
        stop.store(false, Ordering::Relaxed);
        train(inputs(TrainOptions { epochs: after, ..begun }, folder), &mut observer, &stop).unwrap();
        assert_eq!(n_epochs, after, "{name}");
    }
}
