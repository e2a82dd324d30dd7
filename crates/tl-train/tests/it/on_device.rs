//! Fine-tuning as on a GPU: on one where there is one, else the same code on the processor.

use std::sync::atomic::{AtomicBool, Ordering};

use tch::Device;
use tempfile::TempDir;
use tl_backbone::Precision;
use tl_train::{
    Event, Keep, NormKind, Outcome, Plan, PrecisionChoice, Recipe, RunFolder, RunInputs, RunMetrics, TrainError,
    TrainOptions, train,
};

use crate::run::{inputs, photos, run};

fn options(dir: &TempDir) -> TrainOptions {
    TrainOptions {
        data: Some(dir.path().join("photos")),
        backbone: "mobilenet_v3_small".to_owned(),
        epochs: 2,
        batch_size: 4,
        val_fraction: 0.25,
        precision: PrecisionChoice::F32,
        // The best may well be what it begins with, of which there is nothing to compare.
        keep: Keep::Last,
        ..Recipe::Finetune.options()
    }
}

/// What it computes in f32 is to be f32 then, as in `tl`.
fn has_gpu() -> bool {
    let has_gpu = tl_torch::cuda_if_available() != Device::Cpu;
    if has_gpu {
        tl_torch::exact_f32();
    }
    has_gpu
}

fn inputs_on_device(options: TrainOptions, folder: RunFolder) -> RunInputs {
    let RunInputs { plan, .. } = inputs(options.clone(), folder.clone());
    if has_gpu() {
        return RunInputs { device: Device::Cuda(0), ..inputs(options, folder) };
    }
    eprintln!("no GPU: its code runs on the processor");
    RunInputs { plan: plan.as_on_gpu(), ..inputs(options, folder) }
}

/// Runs to the end, and is interrupted after each epoch if so wanted. How often it was, and the result.
fn on_device(options: &TrainOptions, dir: &TempDir, name: &str, interrupts: bool) -> (usize, RunMetrics) {
    let folder = RunFolder::create(&dir.path().join("runs"), Some(name), "").unwrap();
    for n_stops in 0.. {
        let stop = AtomicBool::new(false);
        let mut observer = |event: &Event<'_>| {
            if matches!(event, Event::Epoch { record, .. } if interrupts && record.epoch > 1) {
                stop.store(true, Ordering::Relaxed);
            }
        };
        let inputs = inputs_on_device(options.clone(), folder.clone());
        if let Outcome::Finished(metrics) = train(inputs, &mut observer, &stop).unwrap() {
            return (n_stops, *metrics);
        }
    }
    unreachable!("it ends some time")
}

/// Frozen and moving statistics, all settings that leave something on the device between steps among them.
#[test]
fn it_takes_the_steps_that_the_processor_takes() {
    let dir = photos();
    for norm in [NormKind::Frozen, NormKind::Batch] {
        let options = TrainOptions {
            batch_norm: norm,
            mixup: 0.4,
            accumulate: 2,
            ema_decay: Some(0.7),
            clip_norm: Some(1.0),
            ..options(&dir)
        };
        let wanted = run(options.clone(), &dir, &format!("processor-{norm:?}"));
        let (_, found) = on_device(&options, &dir, &format!("device-{norm:?}"), false);
        for (what, wanted, found) in [
            ("training loss", wanted.train_loss, found.train_loss),
            ("validation loss", wanted.val_loss.unwrap(), found.val_loss.unwrap()),
        ] {
            assert!((wanted - found).abs() <= 1e-3 * wanted, "{norm:?}, {what}: {found} and not {wanted}");
        }
        let freezing = found.freezing.unwrap();
        assert_eq!(freezing.blake3_before, freezing.blake3_after);
    }
}

#[test]
fn it_goes_on_where_it_was_interrupted() {
    let dir = photos();
    let options = TrainOptions { checkpoint_steps: 1, ema_decay: Some(0.7), ..options(&dir) };
    let (_, whole) = on_device(&options, &dir, "whole", false);
    let (n_stops, cut) = on_device(&options, &dir, "cut", true);
    assert!(n_stops > 0);
    // A GPU adds up in whatever order.
    let allowed = if has_gpu() { 1e-3 } else { 1e-6 };
    assert!((whole.train_loss - cut.train_loss).abs() <= allowed * whole.train_loss);
}

#[test]
fn bf16_learns_the_same() {
    let dir = photos();
    for norm in [NormKind::Frozen, NormKind::Batch] {
        let of = |precision: PrecisionChoice| {
            let options = TrainOptions { precision, batch_norm: norm, ..options(&dir) };
            on_device(&options, &dir, &format!("{precision:?}-{norm:?}"), false).1.train_loss
        };
        let (f32, bf16) = (of(PrecisionChoice::F32), of(PrecisionChoice::Bf16));
        assert!((f32 - bf16).abs() <= 0.2 * f32, "{norm:?}: {bf16} and not {f32}");
    }
}

/// The features of the head that it begins with are the only thing that needs a GPU for this.
#[test]
fn f16_learns_the_same_on_a_gpu() {
    if !has_gpu() {
        eprintln!("skipped: there is no GPU");
        return;
    }
    let dir = photos();
    let of = |precision: PrecisionChoice| {
        let options = TrainOptions { precision, ..options(&dir) };
        on_device(&options, &dir, &format!("{precision:?}"), false).1.train_loss
    };
    let (f32, f16) = (of(PrecisionChoice::F32), of(PrecisionChoice::F16));
    assert!((f32 - f16).abs() <= 0.1 * f32, "{f16} and not {f32}");
}

#[test]
fn an_arithmetic_that_a_device_has_not_is_refused() {
    let plan = |recipe: Recipe, precision| Plan::new(TrainOptions { precision, ..recipe.options() }).unwrap();
    for (recipe, precision, device, remedy) in [
        (Recipe::Features, PrecisionChoice::F16, Device::Cpu, "use bf16 or f32"),
        (Recipe::Features, PrecisionChoice::Int8, Device::Cuda(0), "set device to cpu"),
        (Recipe::Notebook, PrecisionChoice::Bf16, Device::Cpu, "use f32, set batch_norm to frozen"),
    ] {
        let error = plan(recipe, precision).on(device).unwrap_err();
        assert!(matches!(&error, TrainError::Options { problems } if problems[0].contains(remedy)), "{error}");
    }
    // What is trained as on a GPU has it, and so has a GPU.
    let bf16 = plan(Recipe::Notebook, PrecisionChoice::Bf16);
    let plans = [bf16.clone().as_on_gpu().on(Device::Cpu), bf16.on(Device::Cuda(0))].map(Result::unwrap);
    assert!(plans.iter().all(|plan| plan.tuning_precision() == Precision::Bf16));
}

/// What is validated and written down must not be said to be in another arithmetic than what is trained.
#[test]
fn a_processor_that_normalises_by_the_batch_is_in_f32_throughout() {
    let auto = TrainOptions { precision: PrecisionChoice::Auto, ..Recipe::Notebook.options() };
    let plan = Plan::new(auto).unwrap().on(Device::Cpu).unwrap();
    assert_eq!((plan.precision(), plan.tuning_precision()), (Precision::F32, Precision::F32));
}
