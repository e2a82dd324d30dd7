//! Bundles written, opened, damaged.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::too_many_lines,
    reason = "a test may panic, and says where"
)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use tch::{Kind, Tensor};
use tempfile::TempDir;
use tl_backbone::{Weights, spec};
use tl_head::{Head, HeadConfig};
use tl_model::{Archive, Bundle, Classifier, ModelError, PredictOptions, Provenance, StoredBundle};
use tl_torch::Array;

fn bundle() -> Bundle {
    let spec = spec("mobilenet_v3_small").unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/weights").join(spec.file);
    assert!(path.is_file(), "{} is missing: run `cargo xtask fetch --all`", path.display());
    let config = HeadConfig { n_features: spec.n_features, hidden: vec![7], n_classes: 3 };
    Bundle {
        multi_label: false,
        weights: Weights::open(&path, spec).unwrap(),
        head: Head::new(&config, 5).unwrap(),
        classes: ["ant", "bee", "cat \"quoted\""].map(str::to_owned).to_vec(),
        preprocessing: spec.preprocessing.clone(),
        temperature: 1.25,
        provenance: Provenance { seed: 5, command: vec!["tl".to_owned()], ..Provenance::default() },
    }
}

fn saved() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("model.safetensors");
    bundle().save(&path).unwrap();
    (dir, path)
}

/// Opens a bundle and checks its answers.
fn open_verified(path: &Path) -> Result<Bundle, ModelError> {
    let stored = StoredBundle::open(path)?;
    stored.verify()?;
    Ok(stored.bundle)
}

/// Opens the archive, changes it, writes it back, and opens it as a bundle.
fn changed(change: impl FnOnce(&mut Archive)) -> ModelError {
    let (_dir, path) = saved();
    let mut archive = Archive::open(&path).unwrap();
    change(&mut archive);
    archive.save(&path).unwrap();
    open_verified(&path).unwrap_err()
}

#[test]
fn a_bundle_comes_back_as_it_was() {
    let (_dir, path) = saved();
    let (was, is) = (bundle(), open_verified(&path).unwrap());
    assert_eq!(is.classes, was.classes);
    assert_eq!(is.preprocessing, was.preprocessing);
    assert_eq!(is.provenance, was.provenance);
    assert!((is.temperature - was.temperature).abs() < 1e-12);
    assert_eq!(is.head.config(), was.head.config());
    for ((name, a), (_, b)) in is.weights.arrays().zip(was.weights.arrays()) {
        assert_eq!((a.shape(), a.values()), (b.shape(), b.values()), "{name}");
    }
}

#[test]
fn the_same_bundle_gives_the_same_bytes() {
    let ((_a, one), (_b, two)) = (saved(), saved());
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[test]
fn the_file_is_read_by_anyone() {
    let (_dir, path) = saved();
    let bytes = std::fs::read(path).unwrap();
    let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().clone().unwrap();
    assert_eq!((metadata["format"].as_str(), metadata["backbone"].as_str()), ("tl-bundle", "mobilenet_v3_small"));
    let classes: Vec<String> = serde_json::from_str(&metadata["classes"]).unwrap();
    assert_eq!(classes[2], "cat \"quoted\"");
}

#[test]
fn what_does_not_fit_is_named() {
    let error = changed(|a| drop(a.metadata.insert("format_version".to_owned(), "3".to_owned())));
    assert!(matches!(error, ModelError::Newer { found: 3, known: 2, .. }), "{error}");
    let error = changed(|a| drop(a.metadata.remove("format")));
    assert!(matches!(error, ModelError::NotOurs { .. }), "{error}");
    let error = changed(|a| drop(a.metadata.insert("classes".to_owned(), r#"["ant"]"#.to_owned())));
    assert!(matches!(error, ModelError::Field { field: "head", .. }), "{error}");
    let error = changed(|a| drop(a.metadata.insert("temperature".to_owned(), "0".to_owned())));
    assert!(matches!(error, ModelError::Field { field: "temperature", .. }), "{error}");
    for (was, is) in [("\"side\":224", "\"side\":3000000000"), ("\"side\":224", "\"side\":0"), ("0.485", "0.5")] {
        let error = changed(|a| {
            let text = a.metadata["preprocessing"].replace(was, is);
            assert_ne!(text, a.metadata["preprocessing"], "{was} is not there");
            a.metadata.insert("preprocessing".to_owned(), text);
        });
        assert!(matches!(error, ModelError::Field { field: "preprocessing", .. }), "{error}");
    }
    let damaged = |change: fn(&mut Archive), tensor: &str| {
        let error = changed(change).to_string();
        assert!(error.contains("model.safetensors is not a model that tl wrote") && error.contains(tensor), "{error}");
    };
    damaged(|a| drop(a.tensors.remove("head.layers.0.weight")), "layers.0.weight");
    let zeros = |a: &mut Archive| {
        drop(a.tensors.insert("head.layers.1.bias".to_owned(), Tensor::zeros([4], (Kind::Float, tch::Device::Cpu))));
    };
    damaged(zeros, "layers.1.bias");
    damaged(|a| drop(a.tensors.remove("backbone.features.0.0.weight")), "features.0.0.weight");
    let error = changed(|a| drop(a.metadata.insert("backbone".to_owned(), "mobilenet_v9".to_owned())));
    assert!(matches!(error, ModelError::Field { field: "backbone", .. }), "{error}");
}

/// Changes a tensor of the file.
fn change_tensor(archive: &mut Archive, name: &str, change: impl FnOnce(&Tensor) -> Tensor) {
    let changed = change(&archive.tensors[name]);
    archive.tensors.insert(name.to_owned(), changed);
}

#[test]
fn changed_weights_are_noticed() {
    const BIAS: &str = "head.layers.1.bias";
    let changes: [fn(&Tensor) -> Tensor; 2] = [|bias| bias + 0.1, |bias| bias * f64::NAN];
    for change in changes {
        assert!(matches!(changed(|a| change_tensor(a, BIAS, change)), ModelError::Changed { .. }));
        // What older versions wrote has no checksum, and its answers alone to show.
        let error = changed(|a| {
            a.metadata.retain(|name, _| !name.ends_with("_blake3"));
            change_tensor(a, BIAS, change);
        });
        assert!(matches!(error, ModelError::Golden { .. }), "{error}");
    }
    // What the header says, which answers on built-in pictures do not show.
    for (field, value) in [("temperature", "3.0"), ("classes", r#"["bee","ant","cat"]"#), ("note", "new")] {
        let error = changed(|a| drop(a.metadata.insert(field.to_owned(), value.to_owned())));
        assert!(matches!(error, ModelError::Changed { .. }), "{field}: {error}");
    }
    // One number among millions, by its last bit.
    let error = changed(|a| {
        change_tensor(a, "backbone.features.0.0.weight", |weight| {
            let flat = weight.flatten(0, -1);
            let _ = flat.get(0).g_mul_scalar_(1.0 + f64::from(f32::EPSILON));
            flat.view_as(weight)
        });
    });
    assert!(matches!(error, ModelError::Changed { .. }), "{error}");
}

/// Gives a file the checksum of its header that versions of before wrote.
fn make_old(archive: &mut Archive) {
    archive.metadata.remove("fields_blake3").unwrap();
    let others: Vec<_> = archive.metadata.iter().collect();
    let hash = blake3::hash(format!("{others:?}").as_bytes()).to_hex().to_string();
    archive.metadata.insert("header_blake3".to_owned(), hash);
}

#[test]
fn files_with_the_checksum_of_before_are_read_and_checked() {
    let (_dir, path) = saved();
    let mut archive = Archive::open(&path).unwrap();
    make_old(&mut archive);
    archive.save(&path).unwrap();
    let stored = StoredBundle::open(&path).unwrap();
    assert!(stored.has_checksums());
    assert_eq!(stored.bundle.classes, bundle().classes);
    let error = changed(|a| {
        make_old(a);
        a.metadata.insert("temperature".to_owned(), "3.0".to_owned());
    });
    assert!(matches!(error, ModelError::Changed { .. }), "{error}");
}

#[test]
fn every_truncation_is_an_error() {
    let (dir, path) = saved();
    let bytes = std::fs::read(path).unwrap();
    let cut = dir.path().join("cut.safetensors");
    for length in [0, 1, 7, 8, 9, 100, bytes.len() / 3, bytes.len() - 1] {
        std::fs::write(&cut, &bytes[..length]).unwrap();
        let error = Bundle::open(&cut).unwrap_err();
        assert!(matches!(error, ModelError::Damaged { .. }), "{length}: {error}");
    }
}

#[test]
fn what_is_no_file_is_named_with_what_to_give_instead() {
    let (dir, path) = saved();
    let said = |path: &Path| Bundle::open(path).unwrap_err().to_string();
    for missing in [dir.path().join("nosuchmodel"), path.join("below a file")] {
        let text = said(&missing);
        assert!(text.starts_with(&format!("there is no model at {}; ", missing.display())), "{text}");
        assert!(text.contains("model.safetensors"), "{text}");
    }
    let folder = dir.path().join("run");
    std::fs::create_dir(&folder).unwrap();
    let text = said(&folder);
    assert!(text.starts_with(&format!("{} is a folder; give the model.safetensors ", folder.display())), "{text}");
}

#[test]
fn photos_keep_their_places_over_many_parts() {
    let classifier = Classifier::from_bundle(bundle());
    let folder = tempfile::tempdir().unwrap();
    let (photo, missing) = (folder.path().join("photo.bmp"), folder.path().join("missing.bmp"));
    std::fs::write(&photo, bmp()).unwrap();
    // More than are held at a time, all but the first and the last unreadable: that takes no time.
    let mut photos = vec![missing; 5000];
    (photos[0], photos[4999]) = (photo.clone(), photo);
    let (options, never) = (PredictOptions::default(), AtomicBool::new(false));
    let mut heard = Vec::new();
    let (found, skipped) = classifier.predict(&photos, &options, &mut |n| heard.push(n), &never).unwrap();
    assert_eq!(found.iter().map(|one| one.photo).collect::<Vec<_>>(), [0, 4999]);
    assert_eq!(found[0].probabilities, found[1].probabilities);
    assert_eq!(skipped.len(), 4998);
    assert!(heard.is_sorted() && heard.last() == Some(&5000));
}

#[test]
fn what_cannot_be_answered_rightly_is_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let photo = folder.path().join("photo.bmp");
    std::fs::write(&photo, bmp()).unwrap();
    let error_of = |bundle: Bundle| {
        let (options, never) = (PredictOptions::default(), AtomicBool::new(false));
        let answer =
            Classifier::from_bundle(bundle).predict(std::slice::from_ref(&photo), &options, &mut |_| {}, &never);
        answer.unwrap_err().to_string()
    };
    for n_names in [0, 2, 4] {
        let classes = (0..n_names).map(|i| format!("class {i}")).collect();
        let error = error_of(Bundle { classes, ..bundle() });
        assert!(error.contains(&format!("3 answers, and there are {n_names} names")), "{error}");
    }
    // A network of what is no number; its activations alone would make numbers of it again.
    let mut arrays: BTreeMap<String, Array> =
        bundle().weights.arrays().map(|(name, array)| (name.to_owned(), array.clone())).collect();
    let (name, array) = arrays.iter().find(|(_, array)| array.shape().len() == 4).unwrap();
    let (name, shape) = (name.clone(), array.shape().to_vec());
    arrays.insert(name, Array::new(vec![f32::NAN; shape.iter().product()], &shape).unwrap());
    let weights = Weights::from_arrays(bundle().weights.spec(), arrays).unwrap();
    let error = error_of(Bundle { weights, ..bundle() });
    assert!(error.contains("no number"), "{error}");
}

/// A picture of 2x2 pixels.
fn bmp() -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for number in [70_u32, 0, 54, 40, 2, 2, 1 | 24 << 16, 0, 16, 0, 0, 0, 0] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend([10, 200, 30, 40, 50, 60, 0, 0, 70, 80, 90, 100, 110, 120, 0, 0]);
    bytes
}

#[test]
fn a_bundle_of_several_classes_per_photo_is_of_format_2() {
    let (dir, one) = saved();
    let path = dir.path().join("several.safetensors");
    Bundle { multi_label: true, ..bundle() }.save(&path).unwrap();
    assert!(open_verified(&path).unwrap().multi_label && !Bundle::open(&one).unwrap().multi_label);
    let version = |path: &Path| Archive::open(path).unwrap().metadata["format_version"].clone();
    assert_eq!((version(&one).as_str(), version(&path).as_str()), ("1", "2"));
    assert!(!Archive::open(&one).unwrap().metadata.contains_key("multi_label"));
}
