//! Folders in, samples out.

use tl_data::{DataError, Folder, Sample, ScanOptions, find_photos, scan, scan_with_val};

use crate::tree::Tree;

fn names(tree: &Tree, samples: &[Sample]) -> Vec<String> {
    tree.names(samples.iter().map(|sample| &sample.path))
}

fn scanned(tree: &Tree) -> Result<Folder, DataError> {
    scan(tree.root(), &ScanOptions::default())
}

#[test]
fn a_folder_per_class_is_sorted() {
    let tree = Tree::of(&["dog/b.jpg", "cat/2.jpg", "cat/10.jpg", "cat/deep/er/x.PNG"]);
    let folder = scanned(&tree).unwrap();
    assert_eq!(folder.classes, ["cat", "dog"]);
    assert_eq!(names(&tree, &folder.train), ["cat/10.jpg", "cat/2.jpg", "cat/deep/er/x.PNG", "dog/b.jpg"]);
    assert_eq!(folder.counts(&folder.train), [3, 1]);
    assert!(folder.val.is_none() && folder.test.is_none() && folder.skipped.is_empty());
}

#[test]
fn parts_are_recognised() {
    let train = ["train/cat/1.jpg", "train/dog/1.jpg"];
    for (beside, n_val, n_test) in [
        (&["val/cat/1.jpg"][..], Some(1), None),
        (&["valid/dog/1.jpg", "test/cat/1.jpg", "test/dog/1.jpg"], Some(1), Some(2)),
        (&["validation/cat/1.jpg"], Some(1), None),
        (&["test/cat/1.jpg"], Some(1), None),
        (&[], None, None),
    ] {
        let tree = Tree::of(&[&train[..], beside].concat());
        let folder = scanned(&tree).unwrap();
        let n = |part: &Option<Vec<Sample>>| part.as_ref().map(Vec::len);
        assert_eq!((n(&folder.val), n(&folder.test)), (n_val, n_test), "{beside:?}");
        assert_eq!(folder.train.len(), 2);
    }
}

#[test]
fn parts_have_the_names_that_people_give_them() {
    for (train, other, is_test) in [
        ("training_set", "test_set", false),
        ("Training", "Validation", false),
        ("train-data", "dev", false),
        ("training_set/training_set", "test_set/test_set", false),
        ("TrainSet", "testing", true),
    ] {
        let photos = [train, other].map(|part| ["cat", "dog"].map(|class| format!("{part}/{class}/1.jpg")));
        let mut photos = photos.concat();
        if is_test {
            photos.push("val/cat/1.jpg".to_owned());
        }
        let tree = Tree::of(&photos.iter().map(String::as_str).collect::<Vec<_>>());
        let folder = scanned(&tree).unwrap();
        assert_eq!(folder.classes, ["cat", "dog"], "{train}");
        assert_eq!((folder.train.len(), folder.test.is_some()), (2, is_test), "{train}");
        assert!(folder.val.is_some() && folder.skipped.is_empty(), "{train}");
    }
}

#[test]
fn what_belongs_to_no_part_is_named() {
    let tree = Tree::of(&["train/cat/1.jpg", "train/dog/1.jpg", "more/cat/2.jpg", "docs/readme.txt"]);
    let folder = scanned(&tree).unwrap();
    assert_eq!(tree.names(folder.skipped.iter().map(|skipped| &skipped.path)), ["more"]);
    assert!(folder.skipped[0].reason.to_string().contains("beside the parts"));
}

#[test]
fn parts_that_cannot_be_told_are_refused() {
    let twice = Tree::of(&["train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "valid/dog/1.jpg"]);
    let text = scanned(&twice).unwrap_err().to_string();
    assert!(text.contains("val and ") && text.contains("valid are the same part"), "{text}");
    for photos in [&["train/1.jpg", "test/1.jpg"][..], &["val/cat/1.jpg", "test/cat/1.jpg", "test/dog/1.jpg"]] {
        let tree = Tree::of(photos);
        let text = scanned(&tree).unwrap_err().to_string();
        assert!(text.contains("not like classes (test, "), "{text}");
    }
    let tree = Tree::of(&["train/1.jpg", "test/1.jpg"]);
    let named = ScanOptions { classes: Some(vec!["test".into(), "train".into()]), ..ScanOptions::default() };
    assert_eq!(scan(tree.root(), &named).unwrap().classes, ["test", "train"]);
}

#[test]
fn runs_are_no_classes() {
    let tree = Tree::of(&["cat/1.jpg", "dog/1.jpg", "runs/cats-1/config.toml", "runs/cats-1/events.out.tfevents.1"]);
    fs_err::write(tree.root().join("runs/cats-1/config.toml"), "# command: [\"tl\"]\n").unwrap();
    let folder = scanned(&tree).unwrap();
    assert_eq!((folder.classes.len(), folder.skipped.len(), folder.n_ignored), (2, 0, 1));
    let (photos, skipped) = find_photos(&[tree.root().to_owned()]).unwrap();
    assert_eq!((photos.len(), skipped.len()), (2, 0));
}

#[cfg(unix)]
#[test]
fn a_link_to_a_folder_above_is_not_followed() {
    let tree = Tree::of(&["cat/1.jpg", "dog/1.jpg"]);
    std::os::unix::fs::symlink("..", tree.root().join("cat/up")).unwrap();
    std::os::unix::fs::symlink("..", tree.root().join("up")).unwrap();
    let folder = scanned(&tree).unwrap();
    assert_eq!((folder.classes.len(), folder.train.len()), (2, 2));
    let reasons: Vec<_> = folder.skipped.iter().map(|skipped| skipped.reason.kind()).collect();
    assert_eq!(reasons, ["link loop"; 2]);
}

#[test]
fn a_class_may_be_called_train() {
    let tree = Tree::of(&["train/1.jpg", "plane/1.jpg", "test/1.jpg"]);
    assert_eq!(scanned(&tree).unwrap().classes, ["plane", "test", "train"]);
}

#[test]
fn debris_is_counted_and_strays_are_listed() {
    let tree = Tree::of(&[
        "a/1.jpg",
        "b/1.jpg",
        "stray.jpg",
        "notes.txt",
        ".DS_Store",
        "a/._1.jpg",
        "b/Thumbs.db",
        ".git/x.jpg",
    ]);
    tree.write("a/unknown.dat", b"no photo");
    tree.write("a/photo_without_ending", &crate::tree::photo("rgb8.png"));
    let folder = scanned(&tree).unwrap();
    assert_eq!(names(&tree, &folder.train), ["a/1.jpg", "a/photo_without_ending", "b/1.jpg"]);
    assert_eq!(folder.n_ignored, 5);
    let kinds: Vec<_> = folder.skipped.iter().map(|skipped| skipped.reason.kind()).collect();
    assert_eq!(kinds, ["not an image", "without a class"]);
}

#[test]
fn each_mistake_has_its_sentence() {
    let said = |names: &[&str]| scanned(&Tree::of(names)).unwrap_err().to_string();
    assert!(said(&["cat/1.jpg"]).contains("one class only (cat); add a folder"));
    assert!(said(&["cat/1.jpg", "dog/"]).contains("class dog has no photos to train on"));
    assert!(said(&["cat/", "dog/"]).contains("there are no photos"));
    assert!(said(&[]).contains("there are no photos"));
    assert!(said(&["1.jpg", "2.jpg"]).contains("holds no class folders"));
    assert!(said(&["train/cat/1.jpg", "train/dog/1.jpg", "val/cow/1.jpg"]).contains("the classes are cat, dog"));

    let tree = Tree::of(&["a.jpg"]);
    let scan = |name: &str| scan(&tree.path(name), &ScanOptions::default()).unwrap_err();
    assert!(matches!(scan("a.jpg"), DataError::NotAFolder { .. }));
    assert!(matches!(scan("nowhere"), DataError::Missing { .. }));
}

/// A folder that cannot be read is named, and taken neither for empty nor for absent.
#[cfg(unix)]
#[test]
fn a_closed_folder_is_named() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    let train = ["train/cat/1.jpg", "train/dog/1.jpg", "val/dog/1.jpg"];
    for (names, closed) in [(&["cat/1.jpg", "dog/1.jpg"][..], "dog"), (&train, "val"), (&train, "train"), (&train, "")]
    {
        let tree = Tree::of(names);
        let allow = |mode| fs_err::set_permissions(tree.path(closed), Permissions::from_mode(mode)).unwrap();
        allow(0);
        let (said, is_closed) = (scanned(&tree), fs_err::read_dir(tree.path(closed)).is_err());
        allow(0o700);
        match said {
            Err(DataError::Read { path, reason }) => {
                assert_eq!((path, &*reason), (tree.path(closed), "permission denied"));
            }
            Ok(_) if !is_closed => println!("skipped: this user may read everything"),
            other => panic!("{closed}: {other:?}"),
        }
    }
}

#[test]
fn classes_are_chosen_and_ordered() {
    let tree = Tree::of(&["a/1.jpg", "b/1.jpg", "c/1.jpg"]);
    let with = |classes: &[&str]| {
        let classes = Some(classes.iter().map(|&class| class.to_owned()).collect());
        scan(tree.root(), &ScanOptions { classes, ..ScanOptions::default() })
    };
    let folder = with(&["c", "a"]).unwrap();
    assert_eq!(folder.classes, ["c", "a"]);
    assert_eq!(names(&tree, &folder.train), ["c/1.jpg", "a/1.jpg"]);
    assert!(matches!(with(&["a", "x"]), Err(DataError::UnknownClass { .. })));
    assert!(matches!(with(&["a", "a"]), Err(DataError::RepeatedClass { .. })));
}

#[test]
fn one_class_is_enough_where_nothing_is_learned() {
    let tree = Tree::of(&["cat/1.jpg"]);
    let options = ScanOptions { min_classes: 1, ..ScanOptions::default() };
    assert_eq!(scan(tree.root(), &options).unwrap().classes, ["cat"]);
}

#[test]
fn parts_need_not_agree_where_nothing_is_learned() {
    let tree = Tree::of(&["train/cat/1.jpg", "train/dog/1.jpg", "val/cow/1.jpg", "test/ant/1.jpg"]);
    let options = ScanOptions { min_classes: 1, classes_of_all_parts: true, ..ScanOptions::default() };
    let folder = scan(tree.root(), &options).unwrap();
    assert_eq!(folder.classes, ["ant", "cat", "cow", "dog"]);
    let labels = [Some(folder.train), folder.val, folder.test].map(|part| part.unwrap()[0].label);
    assert_eq!(labels, [1, 2, 0]);
}

#[test]
fn validation_photos_may_lie_elsewhere() {
    let tree =
        Tree::of(&["x/train/a/1.jpg", "x/train/b/1.jpg", "x/val/a/1.jpg", "y/b/1.jpg", "y/b/2.jpg", "z/c/1.jpg"]);
    let with = |val: &str| scan_with_val(&tree.path("x"), &tree.path(val), &ScanOptions::default());
    let folder = with("y").unwrap();
    assert_eq!(names(&tree, folder.val.as_ref().unwrap()), ["y/b/1.jpg", "y/b/2.jpg"]);
    assert!(folder.val.unwrap().iter().all(|sample| sample.label == 1));
    assert!(matches!(with("z"), Err(DataError::UnknownClass { class, .. }) if class == "c"));
}

#[test]
fn photos_are_found_in_files_and_folders() {
    let tree = Tree::of(&["b/2.jpg", "b/1.jpg", "a.jpg", "b/readme.md"]);
    let (photos, skipped) = find_photos(&[tree.path("b"), tree.path("a.jpg")]).unwrap();
    assert_eq!(tree.names(&photos), ["b/1.jpg", "b/2.jpg", "a.jpg"]);
    assert!(skipped.is_empty());
    assert!(matches!(find_photos(&[tree.path("nowhere")]), Err(DataError::Missing { .. })));
}

/// A list that names them would merge them.
#[test]
fn class_folders_with_spaces_at_their_ends_are_refused() {
    let text = scanned(&Tree::of(&["cat/1.jpg", "cat /1.jpg", "dog/1.jpg"])).unwrap_err().to_string();
    assert!(text.contains("begins or ends with white space") && text.contains("rename it"), "{text}");
}

#[test]
fn an_empty_class_is_no_error_where_nothing_is_learned() {
    let tree = Tree::of(&["cat/1.jpg", "dog/"]);
    let options = ScanOptions { min_classes: 1, ..ScanOptions::default() };
    let folder = scan(tree.root(), &options).unwrap();
    assert_eq!(folder.counts(&folder.train), [1, 0]);
}

#[test]
fn a_class_that_differs_in_capitals_alone_is_told() {
    let tree = Tree::of(&["train/Cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg"]);
    let text = scanned(&tree).unwrap_err().to_string();
    assert!(text.contains("(Cat differs in capitals alone"), "{text}");
}

#[cfg(unix)]
#[test]
fn a_loop_of_links_inside_a_class_is_one() {
    let tree = Tree::of(&["cat/1.jpg", "dog/1.jpg"]);
    std::os::unix::fs::symlink(tree.path("cat/b"), tree.path("cat/a")).unwrap();
    std::os::unix::fs::symlink(tree.path("cat/a"), tree.path("cat/b")).unwrap();
    let kinds: Vec<_> = scanned(&tree).unwrap().skipped.iter().map(|skipped| skipped.reason.kind()).collect();
    assert_eq!(kinds, ["link loop"; 2]);
}
