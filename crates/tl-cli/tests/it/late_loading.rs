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
fn a_model_predicts_without_libtorch() {
    if !cfg!(lazy_libtorch) || !tl_backbone::Network::has_kernels(tl_backbone::Precision::F32) {
        eprintln!("skipped: here libtorch is loaded at the start, or computes the network");
        return;
    }
    let work = Work::with_photos(4);
    let trained = watched(&work, &["train", "photos", "--epochs", "2", "--precision", "f32", "--out", "runs"]);
    assert!(trained.status.success() && loaded_libtorch(&trained), "{}", String::from_utf8_lossy(&trained.stderr));
    for args in [
        &["predict", "runs/latest", "photos"][..],
        &["evaluate", "runs/latest", "photos"],
        &["info", "runs/latest", "--verify"],
    ] {
        let output = watched(&work, args);
        assert!(output.status.success() && !loaded_libtorch(&output), "{args:?}");
    }
}

#[test]
fn a_libtorch_that_cannot_be_loaded_is_an_error_that_says_what_to_do() {
    if !cfg!(lazy_libtorch) {
        eprintln!("skipped: here libtorch is loaded at the start");
        return;
    }
    let work = Work::with_photos(4);
    work.write("broken/libtorch_cpu.so", b"not a library");
    let output = work.command(&["train", "photos"]).env("LD_LIBRARY_PATH", work.path("broken")).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("libtorch cannot be loaded") && error.contains("cargo xtask fetch"), "{error}");
}
