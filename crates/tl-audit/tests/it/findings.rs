//! What was planted is found, and nothing else.

use std::sync::atomic::AtomicBool;

use image::{Rgb, RgbImage, imageops};
use tl_audit::{AuditError, AuditOptions, OddityKind, Sameness, audit};
use tl_data::{Labels, ScanOptions, read_list};

use crate::work::{Work, scene};

#[test]
fn ordinary_photos_have_no_findings() {
    let work = Work::with_photos(8);
    let audit = work.audit();
    assert!(audit.groups.is_empty() && audit.oddities.is_empty() && audit.unusable.is_empty(), "{}", audit.to_text());
    assert!(!audit.endangers_training() && !audit.is_imbalanced);
    assert_eq!((audit.n_photos, audit.short_side.median, audit.long_side.max), (16, 270, 360));
    assert_eq!(audit.formats.iter().collect::<Vec<_>>(), [(&"PNG", &16)]);
    assert!(audit.to_text().contains("Nothing was found."), "{}", audit.to_text());
}

#[test]
fn a_copy_in_validation_is_a_leak() {
    let work = Work::with_photos(3);
    work.save("val/cat/own.png", &scene(7, 300, 300));
    work.copy("train/cat/1.png", "val/cat/copy.png");
    let audit = work.audit();
    let [group] = &audit.groups[..] else { panic!("{:?}", audit.groups) };
    assert!(group.leaks && !group.has_two_labels && audit.endangers_training());
    assert_eq!(group.sameness, Sameness::Equal);
    assert_eq!(group.photos[0].content, group.photos[1].content);
    assert_eq!(work.inside(group.photos.iter().map(|p| &p.path)), ["train/cat/1.png", "val/cat/copy.png"]);
    assert!(audit.to_text().contains("1 picture on both sides of a split"), "{}", audit.to_text());
}

#[test]
fn a_smaller_recompressed_copy_under_another_label_is_found() {
    let work = Work::with_photos(3);
    let small = imageops::thumbnail(&scene(2, 360, 270), 280, 260);
    work.save("train/dog/seen before.jpg", &small);
    let audit = work.audit();
    let [group] = &audit.groups[..] else { panic!("{:?}", audit.groups) };
    assert!(group.has_two_labels && !group.leaks && audit.endangers_training());
    assert_eq!(group.sameness, Sameness::Similar);
    assert_eq!(work.inside(group.photos.iter().map(|p| &p.path)), ["train/cat/2.png", "train/dog/seen before.jpg"]);

    let files_only = AuditOptions { near_duplicates: None, ..AuditOptions::default() };
    assert!(work.audit_with(&files_only).groups.is_empty());
}

#[test]
fn duplicates_within_a_class_are_no_danger() {
    let work = Work::with_photos(3);
    work.copy("train/cat/1.png", "train/cat/1 (1).png");
    work.copy("train/cat/1.png", "train/cat/1 (2).png");
    let audit = work.audit();
    assert_eq!(audit.groups.len(), 1);
    assert_eq!(audit.groups[0].photos.len(), 3);
    assert!(!audit.endangers_training());
    assert!(audit.to_text().contains("1 picture more than once"), "{}", audit.to_text());
}

#[test]
fn odd_photos_are_told_apart() {
    let work = Work::with_photos(3);
    let toned = |factor: f64, offset: f64| {
        let mut picture = scene(50 + offset as u32, 360, 270);
        picture.pixels_mut().for_each(|p| p.0 = p.0.map(|v| (f64::from(v) * factor + offset) as u8));
        picture
    };
    work.save("train/cat/dark.png", &toned(0.15, 0.0));
    work.save("train/cat/bright.png", &toned(0.15, 215.0));
    work.save("train/cat/blurred.png", &imageops::blur(&scene(60, 360, 270), 6.0));
    work.save("train/cat/tiny.png", &scene(61, 60, 48));
    work.save("train/cat/strip.png", &scene(62, 1200, 300));
    let audit = work.audit();
    let found: Vec<_> = audit.oddities.iter().map(|o| (o.kind, work.inside([&o.photo.path]).remove(0))).collect();
    let expected = [
        (OddityKind::Dark, "dark"),
        (OddityKind::Bright, "bright"),
        (OddityKind::Blurred, "blurred"),
        (OddityKind::Tiny, "tiny"),
        (OddityKind::Shape, "strip"),
    ];
    assert_eq!(found, expected.map(|(kind, name)| (kind, format!("train/cat/{name}.png"))));
    assert!(!audit.endangers_training());
    let values: Vec<f64> = audit.oddities.iter().map(|oddity| oddity.value).collect();
    assert_eq!(values[3..], [48.0, 4.0]);
}

#[test]
fn unusable_files_are_listed_with_their_reasons() {
    let work = Work::with_photos(3);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&scene(9, 300, 280)).unwrap();
    work.write("train/cat/half.jpg", &jpeg[..jpeg.len() / 2]);
    work.write("train/cat/empty.jpg", b"");
    work.write("train/dog/text.jpg", b"hello");
    let audit = work.audit();
    let kinds: Vec<_> = audit.unusable.iter().map(|file| file.kind).collect();
    assert_eq!(kinds, ["empty", "truncated", "not an image"]);
    assert!(audit.endangers_training());
    assert!(audit.to_text().contains("3 files cannot be used: 1 empty, 1 not an image, 1 truncated"));
}

#[test]
fn unequal_and_empty_classes_are_found() {
    let work = Work::with_photos(1);
    for i in 0..11 {
        work.save(&format!("train/cat/more {i}.png"), &scene(200 + i, 300, 280));
    }
    let audit = work.audit();
    assert_eq!((audit.imbalance, audit.is_imbalanced), (Some(12.0), true));
    work.write("train/dog/0.png", b"broken");
    let audit = work.audit();
    assert_eq!((audit.imbalance, audit.is_imbalanced), (None, true));
}

#[test]
fn width_and_height_are_those_that_are_shown() {
    let work = Work::with_photos(2);
    let mut jpeg = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut jpeg).encode_image(&scene(9, 1200, 300)).unwrap();
    // An Exif segment whose one entry says that the camera was turned: orientation 6.
    let exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    work.write("train/cat/turned.jpg", &[&jpeg[..2], exif, &jpeg[2..]].concat());
    let audit = work.audit();
    let [oddity] = &audit.oddities[..] else { panic!("{:?}", audit.oddities) };
    assert_eq!((oddity.photo.width, oddity.photo.height), (300, 1200));
}

#[test]
fn the_page_is_whole_and_escapes_names() {
    let work = Work::with_photos(2);
    work.copy("train/cat/1.png", "train/dog/<b>&.png");
    work.save("train/cat/tiny.png", &RgbImage::from_pixel(20, 20, Rgb([90, 120, 90])));
    let page = work.audit().to_html();
    assert_eq!(page.matches("src=\"data:image/jpeg;base64,").count(), 3);
    assert!(page.contains("&lt;b&gt;&amp;.png") && !page.contains("<b>&"));
    assert!(!page.contains("http"), "the page needs nothing else");
}

#[test]
fn a_stopped_audit_says_so() {
    let work = Work::with_photos(2);
    let stopped = audit(&work.folder(), &AuditOptions::default(), &mut |_| {}, &AtomicBool::new(true));
    assert_eq!(stopped, Err(AuditError::Stopped { n_done: 0, n_photos: 4 }));
}

#[test]
fn threads_do_not_change_the_audit_and_progress_is_counted() {
    let work = Work::with_photos(10);
    work.copy("train/cat/1.png", "train/dog/1 again.png");
    let with = |n_threads| work.audit_with(&AuditOptions { n_threads, ..AuditOptions::default() });
    let json = |n_threads| serde_json::to_string(&with(n_threads)).unwrap();
    assert_eq!(json(1), json(5));
    assert!(json(1).starts_with(r#"{"format":1,"n_photos":21,"#), "{}", json(1));

    let mut heard = Vec::new();
    audit(&work.folder(), &AuditOptions::default(), &mut |n| heard.push(n), &AtomicBool::new(false)).unwrap();
    assert_eq!(heard, (1..=21).collect::<Vec<_>>());
}

#[test]
fn photos_of_several_classes_are_named_and_counted_by_each() {
    let work = Work::with_photos(2);
    let rows = "train/cat/0.png,cat;pet\ntrain/cat/1.png,pet\ntrain/dog/0.png,dog;pet\ntrain/dog/1.png,\n";
    work.write("list.csv", format!("path,label\n{rows}").as_bytes());
    work.save("train/dog/1.png", &scene(3, 40, 30));
    let options = ScanOptions { labels: Labels::Several, ..ScanOptions::default() };
    work.copy("train/cat/0.png", "train/cat/1.png");
    let folder = read_list(&work.path("list.csv"), &options).unwrap().folder;
    let audit = audit(&folder, &AuditOptions::default(), &mut |_| {}, &AtomicBool::new(false)).unwrap();
    let counts: Vec<_> = audit.classes.iter().map(|class| (class.name.as_str(), class.train)).collect();
    assert_eq!(counts, [("cat", 1), ("dog", 1), ("pet", 3)]);
    let classes: Vec<_> = audit.groups[0].photos.iter().map(|photo| photo.class.as_str()).collect();
    assert_eq!((classes, audit.groups[0].has_two_labels), (vec!["cat;pet", "pet"], true));
}

#[test]
fn both_sides_of_a_leak_are_named_however_many_copies_one_has() {
    let work = Work::with_photos(2);
    work.save("val/cat/own.png", &scene(7, 300, 300));
    (0..9).for_each(|i| work.copy("train/cat/1.png", &format!("train/cat/1 ({i}).png")));
    work.copy("train/cat/1.png", "val/cat/copy.png");
    let audit = work.audit();
    assert!(audit.to_text().contains("val/cat/copy.png (val, cat)\n      and 7 more"), "{}", audit.to_text());
    assert!(audit.to_html().contains("val/cat/copy.png"));
}
