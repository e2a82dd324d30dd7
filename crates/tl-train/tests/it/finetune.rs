//! Fine-tuning through the library: the same bits for any number of threads, and after any interruption.

use std::{
    path::Path,
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use tl_train::{
    ClassWeights, Event, Keep, NormKind, OptimizerKind, Outcome, PrecisionChoice, Recipe, RunFolder, RunInputs,
    RunMetrics, StopReason, TrainOptions, train,
};

use crate::{
    resume::{after_an_epoch, interrupted},
    run::{inputs, photos, run, several_list},
};

/// Three epochs of three steps, the last of the stages first.
pub(crate) fn options(dir: &TempDir) -> TrainOptions {
    TrainOptions {
        data: Some(dir.path().join("photos")),
        backbone: "mobilenet_v3_small".to_owned(),
        epochs: 3,
        batch_size: 4,
        val_fraction: 0.25,
        micro_batch: 1,
        // The best may well be what it begins with, of which there is nothing to compare.
        keep: Keep::Last,
        ..Recipe::Finetune.options()
    }
}

pub(crate) fn model(dir: &TempDir, name: &str) -> Vec<u8> {
    let bytes = std::fs::read(dir.path().join("runs").join(name).join("model.safetensors")).unwrap();
    // The header names the settings, among them the number of threads.
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + header..].to_vec()
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let dir = photos();
    let batch = |threads: usize| {
        let name = format!("batch-{threads}");
        run(TrainOptions { threads, batch_norm: NormKind::Batch, epochs: 2, ..options(&dir) }, &dir, &name);
        model(&dir, &name)
    };
    assert!(batch(1) == batch(3), "statistics of the batch, 3 threads");
    for precision in [PrecisionChoice::F32, PrecisionChoice::Auto] {
        let of = |threads: usize, mixing: f64| {
            let name = format!("{precision:?}-{threads}-{mixing}");
            let (mixup, cutmix) = (mixing, mixing);
            run(TrainOptions { threads, precision, mixup, cutmix, epochs: 2, ..options(&dir) }, &dir, &name);
            model(&dir, &name)
        };
        let (one, mixed) = (of(1, 0.0), of(1, 1.0));
        assert!(one == of(2, 0.0), "{precision:?}, 2 threads");
        assert!(one == of(4, 0.0), "{precision:?}, 4 threads");
        assert!(mixed != one && mixed == of(3, 1.0), "{precision:?}, mixed, 3 threads");
    }
}

#[test]
fn photos_may_have_several_classes() {
    let dir = photos();
    let several = TrainOptions { data: Some(several_list(&dir)), multi_label: true, epochs: 2, ..options(&dir) };
    for (norm, mixing) in [(NormKind::Frozen, 1.0), (NormKind::Batch, 0.0)] {
        let of = |threads: usize| {
            let name = format!("{norm:?}-{threads}");
            let (mixup, cutmix) = (mixing, mixing);
            let options = TrainOptions { threads, batch_norm: norm, mixup, cutmix, ..several.clone() };
            (run(options, &dir, &name), model(&dir, &name))
        };
        let (metrics, bits) = of(1);
        assert!(bits == of(3).1, "{norm:?}, 3 threads");
        let worth = metrics.multi_label.unwrap();
        assert_eq!((metrics.val_accuracy, metrics.val_log_loss), (Some(worth.exact_match), Some(worth.log_loss)));
        assert_eq!(metrics.classes, ["cat", "dog", "even"]);
    }
}

/// Runs and counts the events that `counts` says yes to.
fn counted(
    options: TrainOptions,
    dir: &TempDir,
    name: &str,
    counts: impl Fn(&Event<'_>) -> bool,
) -> (usize, RunMetrics) {
    let folder = RunFolder::create(&dir.path().join("runs"), Some(name), "").unwrap();
    let mut n = 0;
    let mut observer = |event: &Event<'_>| n += usize::from(counts(event));
    match train(inputs(options, folder), &mut observer, &AtomicBool::new(false)).unwrap() {
        Outcome::Finished(metrics) => (n, *metrics),
        Outcome::Interrupted { .. } => panic!("nobody asked it to stop"),
    }
}

#[test]
fn what_frozen_layers_make_of_photos_is_computed_once_to_the_same_bits() {
    let dir = photos();
    let kept = |options: TrainOptions, name: &str| {
        counted(options, &dir, name, |event| matches!(event, Event::FrozenKept { .. })).0
    };
    // V1 turns its pictures, V3 has other layers than convolutions; parts of three do not go into batches of four.
    for (backbone, freeze, batch_norm, precision) in [
        ("mobilenet_v1", "20", NormKind::Frozen, PrecisionChoice::F32),
        ("mobilenet_v1", "20", NormKind::Batch, PrecisionChoice::F32),
        ("mobilenet_v1", "40", NormKind::Frozen, PrecisionChoice::Auto),
        ("mobilenet_v3_small", "stage:3", NormKind::Frozen, PrecisionChoice::Auto),
        ("mobilenet_v3_small", "stage:2", NormKind::Frozen, PrecisionChoice::F32),
    ] {
        let options = TrainOptions {
            backbone: backbone.to_owned(),
            freeze: freeze.to_owned(),
            batch_norm,
            precision,
            augment: "none".to_owned(),
            unfreeze_every: 0,
            micro_batch: 3,
            epochs: 2,
            side: 64,
            ..options(&dir)
        };
        let name = |how: &str| format!("{backbone}-{freeze}-{batch_norm:?}-{how}");
        assert_eq!(kept(TrainOptions { threads: 2, ..options.clone() }, &name("kept")), 1);
        assert_eq!(kept(TrainOptions { frozen_memory_bytes: Some(0), ..options }, &name("anew")), 0);
        assert!(model(&dir, &name("kept")) == model(&dir, &name("anew")), "{}", name(""));
    }
    let few = TrainOptions { augment: "none".to_owned(), frozen_memory_bytes: Some(1000), ..options(&dir) };
    assert_eq!(kept(few, "few"), 0, "they do not fit");
    assert_eq!(kept(TrainOptions { unfreeze_every: 0, ..options(&dir) }, "augmented"), 0, "each epoch has its own");
}

#[test]
fn no_run_that_keeps_the_best_ends_worse_than_its_fitted_head() {
    let dir = photos();
    // Rates that no network likes.
    let wild = TrainOptions {
        keep: Keep::Best,
        // `auto` may mean another arithmetic where the backbone is not trained.
        precision: PrecisionChoice::F32,
        optimizer: OptimizerKind::Adam,
        warmup: 0.0,
        lr: 0.1,
        backbone_lr: 0.1,
        ..options(&dir)
    };
    let metrics = run(wild.clone(), &dir, "wild");
    let (n_stops, _, cut) = interrupted(&wild, &dir, "cut", after_an_epoch, |_| {});
    assert_eq!((n_stops, cut.kept_epoch), (2, Some(1)), "the head's epoch is the first of the history");
    assert_eq!((metrics.kept_epoch, metrics.val_loss), (Some(1), cut.val_loss));
    let head = TrainOptions { recipe: Recipe::Features, augment: "none".to_owned(), ..wild.clone() };
    let head = run(head, &dir, "head");
    assert_eq!((metrics.val_loss, metrics.train_loss), (head.val_loss, head.train_loss));
    assert!(model(&dir, "wild") == model(&dir, "cut") && model(&dir, "wild") == model(&dir, "head"));
    let last = run(TrainOptions { keep: Keep::Last, ..wild }, &dir, "last");
    assert!(last.kept_epoch.is_none() && last.val_loss > metrics.val_loss, "{last:?}");
}

/// It is the recipe that asks for the best there, and not who types it.
#[test]
fn without_validation_photos_the_last_epoch_is_kept() {
    let dir = photos();
    let blind = TrainOptions { val_fraction: 0.0, keep: Keep::Best, epochs: 1, ..options(&dir) };
    assert_eq!(run(blind, &dir, "blind").kept_epoch, None);
}

#[test]
fn a_batch_size_is_found_and_written_down() {
    let dir = photos();
    let found = |options: TrainOptions, name: &str| {
        let (mut sizes, folder) = (Vec::new(), RunFolder::create(&dir.path().join("runs"), Some(name), "").unwrap());
        let mut observer = |event: &Event<'_>| {
            if let Event::BatchSize { batch_size, why } = event {
                sizes.push((*batch_size, why.to_string()));
            }
        };
        let options = TrainOptions { batch_size: 0, epochs: 1, side: 64, ..options };
        train(inputs(options, folder.clone()), &mut observer, &AtomicBool::new(false)).unwrap();
        let settings: TrainOptions = toml::from_str(&std::fs::read_to_string(folder.config()).unwrap()).unwrap();
        assert_eq!(sizes.len(), 1, "{sizes:?}");
        assert_eq!(settings.batch_size, sizes[0].0);
        sizes.remove(0)
    };
    let in_parts = found(options(&dir), "parts");
    assert_eq!((in_parts.0, in_parts.1.contains("does not grow")), (32, true), "{in_parts:?}");
    // Of twelve photos eight batches would have one each; eight are the least.
    let whole = found(TrainOptions { batch_norm: NormKind::Batch, ..options(&dir) }, "whole");
    assert_eq!((whole.0, whole.1.contains("fewer are never taken")), (8, true), "{whole:?}");
}

#[test]
fn checkpoints_are_told_of() {
    let dir = photos();
    let count = |checkpoint_steps, name: &str| {
        let options = TrainOptions { checkpoint_steps, ..options(&dir) };
        let has_curve = |path: &Path| path.ancestors().nth(2).unwrap().join("history.csv").is_file();
        counted(options, &dir, name, |event| matches!(event, Event::Checkpoint(path) if has_curve(path))).0
    };
    // Three epochs of three steps: the third step's is the epoch's.
    assert_eq!((count(0, "epochs"), count(1, "steps"), count(2, "every-other")), (3, 9, 6));
}

#[test]
fn what_is_frozen_is_proven_to_stay_and_the_rest_moves() {
    let dir = photos();
    let metrics = run(options(&dir), &dir, "proof");
    let proof = metrics.freezing.unwrap();
    assert_eq!(proof.blake3_before, proof.blake3_after);
    assert!(proof.n_frozen_layers > 0 && proof.n_trained_layers > 0);
    assert!(metrics.tuned_images_per_second.unwrap() > 0.0);
    let norm = TrainOptions { batch_norm: NormKind::Batch, epochs: 1, ..options(&dir) };
    let with_statistics = run(norm, &dir, "statistics").freezing.unwrap();
    assert!(with_statistics.n_frozen_tensors < proof.n_frozen_tensors, "moving statistics are not frozen");
}

/// How a batch is cut must not change what it says, but for rounding: with weights and mixtures too.
#[test]
fn a_mixed_batch_in_parts_has_the_loss_of_the_whole() {
    let dir = photos();
    let loss = |micro_batch: usize| {
        let options = TrainOptions {
            micro_batch,
            mixup: 1.0,
            cutmix: 1.0,
            precision: PrecisionChoice::F32,
            class_weights: ClassWeights::from(dir.path().join("weights.csv").display().to_string()),
            ..options(&dir)
        };
        run(options, &dir, &format!("cut-{micro_batch}")).train_loss
    };
    std::fs::write(dir.path().join("weights.csv"), "class,weight\ncats,3\ndogs,0.5\n").unwrap();
    let (ones, threes, whole) = (loss(1), loss(3), loss(4));
    assert!((ones - whole).abs() < 1e-4 && (threes - whole).abs() < 1e-4, "{ones} {threes} {whole}");
}

#[test]
fn accumulated_batches_are_one_large_batch_unless_statistics_are_taken_of_each() {
    let dir = photos();
    let model = |batch_norm, batch_size, accumulate| {
        let name = format!("{batch_norm:?}-{batch_size}-{accumulate}");
        run(TrainOptions { batch_norm, batch_size, accumulate, epochs: 1, ..options(&dir) }, &dir, &name);
        model(&dir, &name)
    };
    assert!(model(NormKind::Frozen, 2, 2) == model(NormKind::Frozen, 4, 1));
    assert!(model(NormKind::Batch, 2, 2) != model(NormKind::Batch, 4, 1));
}

#[test]
fn a_run_stops_early_for_a_reason() {
    let dir = photos();
    let long = TrainOptions { epochs: 9, ..options(&dir) };
    // So small a rate changes no f32: every epoch is as good as the first.
    let idle = TrainOptions { patience: 2, lr: 1e-30, backbone_lr: 1e-30, ..long.clone() };
    let content = TrainOptions { target_accuracy: Some(0.01), keep: Keep::Best, ..long.clone() };
    let cases = [
        ("patient", idle.clone(), StopReason::Patience(2), 3),
        // The fitted head is good enough for that.
        ("content", content.clone(), StopReason::TargetAccuracy(0.01), 1),
        ("content-last", TrainOptions { keep: Keep::Last, ..content }, StopReason::TargetAccuracy(0.01), 1),
        // Reading the photos alone takes longer: the fitted head is what there is, and the file is written.
        ("hurried", TrainOptions { time_s: Some(1e-3), ..long.clone() }, StopReason::Time(1e-3), 1),
        // Where no head was fitted a step is taken all the same.
        ("bare", TrainOptions { time_s: Some(1e-3), head_epochs: 0, ..long.clone() }, StopReason::Time(1e-3), 1),
        // An epoch that is broken off is the last also where no other was to come.
        (
            "last",
            TrainOptions { time_s: Some(1e-3), head_epochs: 0, epochs: 1, batch_size: 4, ..long },
            StopReason::Time(1e-3),
            1,
        ),
    ];
    // The first of them is the fitted head's, where there is one.
    let n_epochs = |name: &str| {
        let history = std::fs::read_to_string(dir.path().join("runs").join(name).join("history.csv")).unwrap();
        history.lines().count() - 1
    };
    for (name, options, reason, n) in cases {
        assert_eq!(run(options, &dir, name).stopped_early, Some(reason));
        assert_eq!(n_epochs(name), n, "{name}");
    }
    let (n_stops, .., metrics) = interrupted(&idle, &dir, "cut", after_an_epoch, |_| {});
    // Stopped after the first epoch; after the second there is nothing left to stop.
    assert_eq!((n_stops, n_epochs("cut"), metrics.stopped_early), (1, 3, Some(StopReason::Patience(2))));
    assert!(model(&dir, "patient") == model(&dir, "cut"));
}

/// Reading photos for their likeness may take most of a short time.
#[test]
fn what_came_before_training_counts_as_time_too() {
    let dir = photos();
    let folder = RunFolder::create(&dir.path().join("runs"), Some("late"), "").unwrap();
    let options = TrainOptions { time_s: Some(60.0), ..options(&dir) };
    let started = Instant::now().checked_sub(Duration::from_mins(1)).unwrap();
    let inputs = RunInputs { started, ..inputs(options, folder) };
    match train(inputs, &mut |_: &Event<'_>| {}, &AtomicBool::new(false)).unwrap() {
        Outcome::Finished(metrics) => {
            assert_eq!(metrics.stopped_early, Some(StopReason::Time(60.0)));
            assert_eq!((metrics.tuned_images_per_second, metrics.seconds.contains_key("tuning")), (None, true));
        }
        Outcome::Interrupted { .. } => panic!("nobody asked it to stop"),
    }
}
