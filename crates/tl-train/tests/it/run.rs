//! Runs through the library, on two hundredths of a sample.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use tempfile::TempDir;
use tl_backbone::Weights;
use tl_train::{
    Data, Event, HeadKind, Keep, LossKind, OptimizerKind, Outcome, Plan, RunFolder, RunInputs, RunMetrics, Sampler,
    Schedule, StopReason, TrainError, TrainOptions, train,
};

/// A few photos of two classes of a sample.
pub(crate) fn photos() -> TempDir {
    let dir = TempDir::new().unwrap();
    for class in ["cats", "dogs"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples/dogs_cats/train").join(class);
        assert!(from.is_dir(), "{} is missing: run `cargo xtask fetch --sample dogs_cats`", from.display());
        let mut names: Vec<PathBuf> = std::fs::read_dir(from).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        std::fs::create_dir_all(dir.path().join("photos").join(class)).unwrap();
        for path in names.iter().take(8) {
            std::fs::copy(path, dir.path().join("photos").join(class).join(path.file_name().unwrap())).unwrap();
        }
    }
    dir
}

pub(crate) fn options(dir: &TempDir) -> TrainOptions {
    TrainOptions {
        data: Some(dir.path().join("photos")),
        backbone: "mobilenet_v3_small".to_owned(),
        hidden: vec![16],
        epochs: 4,
        batch_size: 4,
        val_fraction: 0.25,
        ..TrainOptions::default()
    }
}

pub(crate) fn inputs(options: TrainOptions, folder: RunFolder) -> RunInputs {
    let plan = Plan::new(options).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(plan.spec().file);
    let weights = Weights::open(&path, plan.spec()).unwrap();
    let data = Data::load(plan.options(), None).unwrap();
    let (device, command, started) = (tch::Device::Cpu, vec!["test".to_owned()], Instant::now());
    RunInputs { plan, data, weights, folder, device, command, cache: None, started }
}

pub(crate) fn run(options: TrainOptions, dir: &TempDir, name: &str) -> RunMetrics {
    let folder = RunFolder::create(&dir.path().join("runs"), Some(name), "").unwrap();
    match train(inputs(options, folder), &mut |_: &Event<'_>| {}, &AtomicBool::new(false)).unwrap() {
        Outcome::Finished(metrics) => *metrics,
        Outcome::Interrupted { .. } => panic!("nobody interrupted it"),
    }
}

#[test]
fn a_run_stopped_at_any_step_goes_on_to_the_same_bits() {
    stopped_after_each_epoch(|dir| TrainOptions { views: Some(2), ..options(dir) });
}

/// All that a run may remember between its steps.
#[test]
fn so_does_one_that_balances_averages_and_cuts() {
    stopped_after_each_epoch(|dir| TrainOptions {
        views: Some(2),
        batch_size: 2,
        accumulate: 2,
        sampler: Sampler::Balanced,
        mixup: 0.4,
        ema_decay: Some(0.7),
        clip_value: Some(0.01),
        schedule: Schedule::Plateau,
        plateau_patience: 0,
        keep: Keep::Best,
        ..options(dir)
    });
}

/// A list of the photos in which some have two classes and some none.
pub(crate) fn several_list(dir: &TempDir) -> PathBuf {
    let mut list = vec!["path,label".to_owned()];
    for (class, from) in [("cat", "cats"), ("dog", "dogs")] {
        let mut names: Vec<_> =
            std::fs::read_dir(dir.path().join("photos").join(from)).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        for (i, name) in names.iter().enumerate() {
            let label = match i {
                0 => String::new(),
                _ if i % 2 == 0 => format!("{class};even"),
                _ => class.to_owned(),
            };
            list.push(format!("photos/{from}/{},{label}", name.display()));
        }
    }
    let path = dir.path().join("list.csv");
    std::fs::write(&path, list.join("\n") + "\n").unwrap();
    path
}

pub(crate) fn several(dir: &TempDir) -> TrainOptions {
    TrainOptions { data: Some(several_list(dir)), multi_label: true, ..options(dir) }
}

#[test]
fn so_does_one_with_several_classes_per_photo() {
    stopped_after_each_epoch(|dir| TrainOptions { views: Some(2), mixup: 0.4, keep: Keep::Best, ..several(dir) });
}

#[test]
fn several_classes_per_photo_are_measured_class_by_class() {
    let dir = photos();
    let metrics = run(several(&dir), &dir, "several");
    let several = metrics.multi_label.unwrap();
    assert_eq!(metrics.classes, ["cat", "dog", "even"]);
    assert_eq!((metrics.val_accuracy, metrics.val_log_loss), (Some(several.exact_match), Some(several.log_loss)));
    assert_eq!((several.n_images, metrics.n_train + metrics.n_val), (metrics.n_val, 16));
    assert!(metrics.confusion.is_none() && metrics.validation.is_none());
    // The last epoch's look at the validation photos is the same loss.
    let text = std::fs::read_to_string(dir.path().join("runs/several/history.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let last: tl_metrics::EpochRecord = rows.deserialize().last().unwrap().unwrap();
    assert!((last.val_loss.unwrap() - several.log_loss).abs() < 1e-5);
    assert_eq!(last.val_accuracy, metrics.val_accuracy);
}

/// What the list says is part of what a checkpoint is for.
#[test]
fn another_set_of_classes_is_other_data() {
    let dir = photos();
    let hash = |list: TrainOptions, name: &str| {
        run(list, &dir, name);
        let model = dir.path().join("runs").join(name).join("model.safetensors");
        tl_model::Bundle::open(&model).unwrap().provenance.data_blake3
    };
    let options = TrainOptions { val_fraction: 0.0, epochs: 1, ..several(&dir) };
    let before = hash(options.clone(), "before");
    let list = dir.path().join("list.csv");
    let text = std::fs::read_to_string(&list).unwrap();
    std::fs::write(&list, text.replace("cat;even", "cat").replacen(",cat\n", ",cat;even\n", 3)).unwrap();
    assert_ne!(before, hash(options, "after"));
}

#[test]
fn what_several_classes_per_photo_exclude_is_reported_together() {
    let wrong = TrainOptions {
        data: Some("photos".into()),
        multi_label: true,
        loss: tl_train::LossKind::Focal,
        class_weights: tl_train::ClassWeights::Balanced,
        sampler: Sampler::Balanced,
        ..TrainOptions::default()
    };
    let problems = Plan::new(wrong).unwrap_err().to_string();
    for words in ["list that ends in .csv", "leave loss as it is", "leave class_weights out", "leave sampler out"] {
        assert!(problems.lines().any(|l| l.starts_with("multi_label is set") && l.contains(words)), "{problems}");
    }
}

fn stopped_after_each_epoch(options: impl Fn(&TempDir) -> TrainOptions) {
    let dir = photos();
    let whole = run(options(&dir), &dir, "whole");
    let folder = RunFolder::create(&dir.path().join("runs"), Some("cut"), "").unwrap();
    let stop = AtomicBool::new(false);
    let mut seen = Vec::new();
    // Stopped after each epoch in turn, until it is done.
    loop {
        stop.store(false, Ordering::Relaxed);
        let mut observer = |event: &Event<'_>| {
            if matches!(event, Event::Epoch { .. }) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        match train(inputs(options(&dir), folder.clone()), &mut observer, &stop).unwrap() {
            Outcome::Interrupted { epochs, steps } => seen.push((epochs, steps)),
            Outcome::Finished(metrics) => {
                assert_eq!(metrics.val_loss, whole.val_loss);
                assert_eq!(metrics.train_loss.to_bits(), whole.train_loss.to_bits());
                break;
            }
        }
    }
    assert_eq!(seen, [(1, 0), (2, 0), (3, 0)]);
    let bytes = |name: &str| std::fs::read(dir.path().join("runs").join(name).join("model.safetensors")).unwrap();
    assert_eq!(bytes("whole"), bytes("cut"));
}

fn history(dir: &TempDir, name: &str) -> Vec<tl_metrics::EpochRecord> {
    let mut csv = csv::Reader::from_path(dir.path().join("runs").join(name).join("history.csv")).unwrap();
    csv.deserialize().map(Result::unwrap).collect()
}

/// The same photos with the classes swapped: the more a head learns of the ones, the less it knows of the others.
fn swapped(dir: &TempDir) -> PathBuf {
    let swapped = dir.path().join("swapped");
    for (from, to) in [("cats", "dogs"), ("dogs", "cats")] {
        std::fs::create_dir_all(swapped.join(to)).unwrap();
        for photo in std::fs::read_dir(dir.path().join("photos").join(from)).unwrap().map(Result::unwrap) {
            std::fs::copy(photo.path(), swapped.join(to).join(photo.file_name())).unwrap();
        }
    }
    swapped
}

#[test]
fn a_run_that_keeps_the_best_epoch_names_it_and_tells_its_numbers_alone() {
    let dir = photos();
    let vain = TrainOptions { val: Some(swapped(&dir)), ..options(&dir) };
    let metrics = run(TrainOptions { keep: Keep::Best, ..vain.clone() }, &dir, "best");
    let history = history(&dir, "best");
    let kept = &history[metrics.kept_epoch.unwrap() - 1];
    assert!(kept.epoch < history.len(), "{history:?}");
    assert_eq!((metrics.train_loss, metrics.train_accuracy), (kept.train_loss, kept.train_accuracy));
    assert_eq!(metrics.val_accuracy, kept.val_accuracy);
    let last = run(vain, &dir, "last");
    assert_eq!((last.kept_epoch, last.train_loss), (None, history[history.len() - 1].train_loss));
}

#[test]
fn a_loss_has_one_meaning_in_all_files_of_a_run() {
    let dir = photos();
    for (loss, name) in [(LossKind::Focal, "focal"), (LossKind::CrossEntropy, "plain")] {
        let metrics = run(TrainOptions { loss, focal_gamma: 2.0, ..options(&dir) }, &dir, name);
        assert_eq!(metrics.val_loss, history(&dir, name)[3].val_loss, "{name}");
        let (trained, plain) = (metrics.val_loss.unwrap(), metrics.validation.unwrap().log_loss);
        assert_eq!(metrics.val_log_loss, Some(plain));
        assert_eq!((trained - plain).abs() < 1e-5, name == "plain", "{name}: {trained} and {plain}");
    }
}

#[test]
fn accumulated_batches_of_a_head_are_one_large_batch() {
    let dir = photos();
    let loss = |batch_size, accumulate| {
        let options = TrainOptions { batch_size, accumulate, ..options(&dir) };
        run(options, &dir, &format!("{batch_size}-{accumulate}")).train_loss.to_bits()
    };
    let accumulated = loss(2, 3);
    assert_eq!(accumulated, loss(6, 1));
    assert_ne!(accumulated, loss(2, 1));
}

#[test]
fn the_average_of_the_weights_is_what_is_kept_and_training_goes_its_way() {
    let dir = photos();
    let metrics = |ema_decay, name: &str| run(TrainOptions { ema_decay, ..options(&dir) }, &dir, name);
    let (plain, averaged) = (metrics(None, "plain"), metrics(Some(0.9), "averaged"));
    assert_eq!(plain.train_loss.to_bits(), averaged.train_loss.to_bits());
    assert_ne!(plain.val_loss, averaged.val_loss);
}

#[test]
fn each_class_comes_up_as_often_when_the_sampler_is_balanced() {
    let dir = photos();
    let cats = std::fs::read_dir(dir.path().join("photos/cats")).unwrap().map(|entry| entry.unwrap().path());
    cats.skip(2).for_each(|path| std::fs::remove_file(path).unwrap());
    let loss = |sampler, name: &str| {
        let options = TrainOptions { sampler, epochs: 1, lr: 1e-9, val_fraction: 0.0, ..options(&dir) };
        run(options, &dir, name).train_loss.to_bits()
    };
    // A head that stands still has the mean loss of what it is shown.
    assert_ne!(loss(Sampler::Shuffle, "shuffle"), loss(Sampler::Balanced, "balanced"));
}

#[test]
fn a_plateau_of_the_validation_loss_cuts_the_learning_rate() {
    let dir = photos();
    let schedule = Schedule::Plateau;
    let options = TrainOptions { schedule, plateau_patience: 0, epochs: 12, lr: 0.02, ..options(&dir) };
    run(options.clone(), &dir, "plateau");
    let text = std::fs::read_to_string(dir.path().join("runs/plateau/history.csv")).unwrap();
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    let history: Vec<tl_metrics::EpochRecord> = rows.deserialize().map(Result::unwrap).collect();
    let (mut rate, mut best) = (0.02, f64::INFINITY);
    for record in &history {
        assert!(
            (record.learning_rate - rate).abs() < 1e-12,
            "epoch {}: {} is not {rate}",
            record.epoch,
            record.learning_rate
        );
        let loss = record.val_loss.unwrap();
        if loss < best * (1.0 - 1e-4) { best = loss } else { rate *= 0.1 }
    }
    assert!(rate < 0.02, "it was never cut: {text}");
    let blind = TrainOptions { val_fraction: 0.0, ..options };
    let folder = RunFolder::create(&dir.path().join("runs"), Some("blind"), "").unwrap();
    let error = train(inputs(blind, folder), &mut |_: &Event<'_>| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("schedule plateau needs validation photos"), "{error}");
}

#[test]
fn the_best_epoch_is_kept_when_asked_for() {
    let dir = photos();
    let best = |keep| {
        let options = TrainOptions { keep, epochs: 12, lr: 0.02, head: HeadKind::Linear, ..options(&dir) };
        let metrics = run(options, &dir, &format!("{keep:?}"));
        let text =
            std::fs::read_to_string(dir.path().join("runs").join(format!("{keep:?}")).join("history.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let history: Vec<tl_metrics::EpochRecord> = rows.deserialize().map(Result::unwrap).collect();
        (metrics.val_accuracy.unwrap(), history)
    };
    let (accuracy, history) = best(Keep::Best);
    let top = history.iter().filter_map(|r| r.val_accuracy).fold(0.0, f64::max);
    assert!((accuracy - top).abs() < 1e-12, "{accuracy} is not the best of {history:?}");
    let (accuracy, history) = best(Keep::Last);
    assert!((accuracy - history.last().unwrap().val_accuracy.unwrap()).abs() < 1e-12);
}

#[test]
fn views_are_more_to_learn_from_for_both_kinds_of_heads() {
    let dir = photos();
    for head in [HeadKind::Mlp, HeadKind::Logistic] {
        let loss = |views, augment: &str| {
            let options = TrainOptions { head, views: Some(views), augment: augment.to_owned(), ..options(&dir) };
            run(options, &dir, &format!("{head:?}-{views}-{augment}")).val_loss.unwrap().to_bits()
        };
        let (none, light, standard) = (loss(0, "light"), loss(2, "light"), loss(2, "standard"));
        assert!(none != light && light != standard, "{head:?}: {none} {light} {standard}");
        assert_eq!(light, loss(2, "none"), "light is what views are when no policy is named");
    }
}

#[test]
fn a_loss_that_leaves_the_numbers_is_an_error() {
    let dir = photos();
    let folder = RunFolder::create(&dir.path().join("runs"), Some("wild"), "").unwrap();
    let options = TrainOptions { lr: 1e30, epochs: 20, ..options(&dir) };
    let error = train(inputs(options, folder), &mut |_: &Event<'_>| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, TrainError::Diverged { .. }), "{error}");
    // Where the best is to be kept, there may be one by then.
    let wild = TrainOptions {
        head: HeadKind::Linear,
        optimizer: OptimizerKind::Sgd,
        schedule: Schedule::Constant,
        clip_norm: None,
        lr: 1e3,
        weight_decay: Some(0.5),
        epochs: 50,
        keep: Keep::Best,
        ..self::options(&dir)
    };
    let metrics = run(wild, &dir, "kept");
    assert!(matches!(metrics.stopped_early, Some(StopReason::Diverged(2..))), "{metrics:?}");
    assert!(metrics.kept_epoch.is_some_and(|epoch| epoch < 50), "{metrics:?}");
}

#[test]
fn the_learning_rate_follows_its_schedule() {
    let dir = photos();
    let rates = |schedule, name: &str| -> Vec<f64> {
        run(TrainOptions { schedule, ..options(&dir) }, &dir, name);
        let text = std::fs::read_to_string(dir.path().join("runs").join(name).join("history.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        rows.deserialize().map(|row: Result<tl_metrics::EpochRecord, _>| row.unwrap().learning_rate).collect()
    };
    // The usual one of the head.
    assert!(rates(Schedule::Constant, "constant").iter().all(|rate| (rate - 5e-3).abs() < 1e-15));
    let sinking = rates(Schedule::Cosine, "cosine");
    assert!(sinking.windows(2).all(|pair| pair[1] < pair[0]), "{sinking:?}");
    assert!(sinking[0] < 5e-3 && *sinking.last().unwrap() < 5e-4, "{sinking:?}");
}

#[test]
fn every_optimizer_brings_the_loss_down() {
    let dir = photos();
    for (name, optimizer, lr) in [
        ("adamw", OptimizerKind::AdamW, 1e-3),
        ("sgd", OptimizerKind::Sgd, 1e-2),
        ("rmsprop", OptimizerKind::RmsProp, 1e-4),
        ("lion", OptimizerKind::Lion, 1e-4),
    ] {
        let schedule = Schedule::Constant;
        let chosen = TrainOptions { optimizer, lr, schedule, warmup: 0.1, clip_norm: Some(1.0), ..options(&dir) };
        let chosen = TrainOptions { weight_decay: Some(0.1), ..chosen };
        run(TrainOptions { epochs: 10, head: HeadKind::Linear, ..chosen }, &dir, name);
        let text = std::fs::read_to_string(dir.path().join("runs").join(name).join("history.csv")).unwrap();
        let mut rows = csv::Reader::from_reader(text.as_bytes());
        let records: Vec<tl_metrics::EpochRecord> = rows.deserialize().map(Result::unwrap).collect();
        assert!(records[9].train_loss < records[0].train_loss, "{name}: {records:?}");
        assert!(records[0].learning_rate < records[9].learning_rate, "{name} warms up");
    }
}

#[test]
fn a_run_stops_early_for_a_reason() {
    let dir = photos();
    let wide = TrainOptions { epochs: 50, head: HeadKind::Linear, ..options(&dir) };
    // So small a rate changes no f32: every epoch is as good as the first.
    let patient = run(TrainOptions { patience: 2, lr: 1e-30, ..wide.clone() }, &dir, "patient");
    assert_eq!(patient.stopped_early, Some(StopReason::Patience(2)));
    let content = run(TrainOptions { target_accuracy: Some(0.01), ..wide.clone() }, &dir, "content");
    assert_eq!(content.stopped_early, Some(StopReason::TargetAccuracy(0.01)));
    // Reading the photos alone takes longer: one epoch is trained all the same, and the file is written.
    let hurried = run(TrainOptions { time_s: Some(1e-3), ..wide }, &dir, "hurried");
    assert_eq!(hurried.stopped_early, Some(StopReason::Time(1e-3)));
    for (name, n_epochs) in [("patient", 3), ("content", 1), ("hurried", 1)] {
        let text = std::fs::read_to_string(dir.path().join("runs").join(name).join("history.csv")).unwrap();
        assert_eq!(text.lines().count(), 1 + n_epochs, "{text}");
        assert!(dir.path().join("runs").join(name).join("model.safetensors").is_file());
    }
}

/// Without a bound on their norm each block of gradients is stepped along as soon as it is known.
#[test]
fn steps_block_by_block_are_those_of_all_gradients_together() {
    let dir = photos();
    for optimizer in [OptimizerKind::AdamW, OptimizerKind::Sgd, OptimizerKind::RmsProp, OptimizerKind::Lion] {
        let of = |clip_norm: Option<f64>, threads: usize| {
            // More rows than a block has, and not a multiple of them.
            let (hidden, weight_decay) = (vec![150, 70], Some(0.01));
            let options = TrainOptions { clip_norm, threads, optimizer, hidden, weight_decay, ..options(&dir) };
            let name = format!("{optimizer:?}-{clip_norm:?}-{threads}");
            run(options, &dir, &name);
            let bytes = std::fs::read(dir.path().join("runs").join(name).join("model.safetensors")).unwrap();
            // The header names the settings.
            bytes[8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize..].to_vec()
        };
        let together = of(Some(1e9), 1);
        assert!(together == of(None, 1), "{optimizer:?}, one thread");
        assert!(together == of(None, 3), "{optimizer:?}, three threads");
    }
}
