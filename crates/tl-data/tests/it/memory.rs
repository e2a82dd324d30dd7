//! Memory does not grow with the folder.

#![cfg(target_os = "linux")]

use std::{process::Command, sync::Arc};

use tl_data::{Geometry, Loader, LoaderOptions, Sample};

use crate::tree::photo;

const N_PHOTOS: &str = "TL_DATA_TEST_N_PHOTOS";

/// Peak memory in kilobytes of a process of its own that passes over `n` photos.
fn peak_of_pass(n: usize) -> usize {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["memory::one_pass", "--exact", "--ignored", "--nocapture"])
        .env(N_PHOTOS, n.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&child.stdout).into_owned();
    let peak = text.lines().find_map(|line| line.split_once("peak_kb=")).unwrap_or_else(|| panic!("{text}"));
    peak.1.trim().parse().unwrap()
}

#[test]
fn twenty_thousand_photos_take_what_two_thousand_take() {
    let (few, many) = (peak_of_pass(2_000), peak_of_pass(20_000));
    assert!(many as f64 <= 1.1 * few as f64, "{few} kB for 2,000 photos, {many} kB for 20,000");
}

#[test]
#[ignore = "a process of its own for the test above"]
fn one_pass() {
    let n: usize = std::env::var(N_PHOTOS).unwrap().parse().unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let contents: Vec<_> = ["baseline420.jpg", "rgb8.png", "progressive.jpg"].iter().map(|name| photo(name)).collect();
    for (i, content) in contents.iter().enumerate() {
        fs_err::write(dir.path().join(format!("{i}")), content).unwrap();
    }
    let samples: Arc<[Sample]> = (0..n)
        .map(|i| {
            // A link has a name of its own, and no content of its own.
            let path = dir.path().join(format!("{i:05}.photo"));
            fs_err::hard_link(dir.path().join(format!("{}", i % contents.len())), &path).unwrap();
            Sample { path, label: 0 }
        })
        .collect();
    let order: Vec<usize> = (0..n).collect();
    let loader =
        Loader::new(Geometry::squash(224), LoaderOptions { n_threads: 2, ..LoaderOptions::default() }).unwrap();
    let n_read: usize = loader.pass(samples, &order, 0).map(|b| b.labels.len()).sum();
    assert_eq!(n_read, n);
    let status = fs_err::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    println!("peak_kb={}", peak.trim().trim_end_matches(" kB"));
}
