//! libtorch is loaded when it is needed and not before, where the build says that it can be.

use std::process::Output;

use crate::harness::Work;

/// Whether the dynamic loader, asked to tell what it does, spoke of libtorch's large library.
fn loaded_libtorch(output: &Output) -> bool {
    let told = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    told.iter().any(|text| text.contains("libtorch_cpu.so"))
}

/// Runs `tl` under the eyes of the loader.
fn watched(work: &Work, args: &[&str]) -> Output {
    work.command(args).env("LD_DEBUG", "files").output().unwrap()
}

#[test]
fn what_needs_no_network_does_not_load_libtorch() {
    if !cfg!(lazy_libtorch) {
        eprintln!("skipped: here libtorch is loaded at the start");
        return;
    }
    let work = Work::with_photos(2);
    for args in [
        &["--help"][..],
        &["--version"],
        &["train", "--epochs", "some"],
        &["data", "audit", "photos"],
        &["cache", "ls"],
    ] {
        assert!(!loaded_libtorch(&watched(&work, args)), "{args:?}");
    }
}

#[test]
fn heads_train_and_predict_without_libtorch() {
    if !cfg!(lazy_libtorch) || !tl_backbone::Network::has_kernels(tl_backbone::Precision::F32) {
        eprintln!("skipped: here libtorch is loaded at the start, or computes the network");
        return;
    }
    let work = Work::with_photos(4);
    for args in [
        &["train", "photos", "--epochs", "2", "--precision", "f32", "--out", "runs"][..],
        &["train", "photos", "--epochs", "2", "--precision", "f32", "--set", "ema_decay=0.9", "--set", "mixup=0.2"],
        &["train", "photos", "--epochs", "2", "--precision", "f32", "--set", "clip_norm=1", "--keep", "best"],
        &["train", "photos", "--precision", "f32", "--head", "logistic"],
        &["lr-find", "photos", "--precision", "f32"],
        &["predict", "runs/latest", "photos"],
        &["evaluate", "runs/latest", "photos"],
        &["info", "runs/latest", "--verify"],
    ] {
        let output = watched(&work, args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !loaded_libtorch(&output), "{args:?}: {error}");
    }
    let tuned = watched(&work, &["train", "photos", "--recipe", "finetune", "--epochs", "1", "--precision", "f32"]);
    assert!(tuned.status.success() && loaded_libtorch(&tuned), "{}", String::from_utf8_lossy(&tuned.stderr));
}

#[test]
fn a_libtorch_that_cannot_be_loaded_is_an_error_that_says_what_to_do() {
    if !cfg!(lazy_libtorch) {
        eprintln!("skipped: here libtorch is loaded at the start");
        return;
    }
    let work = Work::with_photos(4);
    work.write("broken/libtorch_cpu.so", b"not a library");
    let args = ["train", "photos", "--recipe", "finetune", "--epochs", "1"];
    let output = work.command(&args).env("LD_LIBRARY_PATH", work.path("broken")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("libtorch cannot be loaded") && error.contains("cargo xtask fetch"), "{error}");
}
