//! A folder as people have them: nothing hangs, and the good photos are audited.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

use tl_data::{DecodeOptions, near_duplicates};

use crate::work::{Work, scene};

#[test]
fn strange_files_are_listed_and_strange_names_are_used() {
    let work = Work::with_photos(2);
    let mkfifo = Command::new("mkfifo").arg(work.path("train/cat/pipe.jpg")).status().unwrap();
    assert!(mkfifo.success());
    std::fs::create_dir(work.path("train/cat/folder.jpg")).unwrap();
    std::os::unix::fs::symlink(work.path("train/cat"), work.path("train/cat/loop")).unwrap();
    // A JPEG header of 65535x65535 pixels and nothing behind it.
    work.write(
        "train/cat/huge.jpg",
        b"\xFF\xD8\xFF\xC0\0\x11\x08\xFF\xFF\xFF\xFF\x03\x01\x11\0\x02\x11\0\x03\x11\0\xFF\xD9",
    );
    work.save("train/dog/two\nlines.png", &scene(70, 360, 270));
    let home = work.path("train/dog");
    scene(71, 360, 270).save_with_format(home.join(OsStr::from_bytes(b"\xFF.png")), image::ImageFormat::Png).unwrap();
    std::fs::copy(home.join("0.png"), home.join(OsStr::from_bytes(b"\xFE.png"))).unwrap();

    let audit = work.audit();
    assert_eq!(audit.n_photos, 7);
    let listed = |name: &str| audit.unusable.iter().any(|file| file.path.ends_with(name));
    assert!(["pipe.jpg", "loop", "huge.jpg"].into_iter().all(listed), "{:?}", audit.unusable);
    let json = serde_json::to_string(&audit).unwrap();
    assert!(json.contains("train/dog/\u{FFFD}.png"), "{json}");
    assert!(audit.to_html().contains("train/dog/\u{FFFD}.png"));
}

/// A split keeps together what `tl_data` calls near duplicates; the audit must not call the result a leak, or miss one.
#[test]
fn likeness_agrees_with_the_splits() {
    let work = Work::with_photos(10);
    for i in 0..6 {
        let small = image::imageops::thumbnail(&scene(i, 360, 270), 330 - 20 * i, 250);
        work.save(&format!("train/dog/small {i}.jpg"), &small);
    }
    let photos: Vec<_> = work.folder().train.into_iter().map(|sample| sample.path).collect();
    let named = near_duplicates(&photos, 10, &DecodeOptions::default());
    let expected: Vec<Vec<_>> = named.into_iter().map(|set| work.inside(set.iter().map(|&i| &photos[i]))).collect();
    let found: Vec<Vec<_>> =
        work.audit().groups.iter().map(|g| work.inside(g.photos.iter().map(|p| &p.path))).collect();
    assert_eq!((found.len(), &found), (6, &expected));
}
