//! Lists and patterns.

use tl_data::{DataError, Labels, List, ScanOptions, read_list, scan_by_pattern};

use crate::tree::Tree;

#[test]
fn csv_and_json_lines_say_the_same() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label,split,group\nb.jpg,dog,,g1\n\"a,1.jpg\",cat,train,\nc.jpg,cat,val,g1\n");
    let json = r#"{"path": "b.jpg", "label": "dog", "group": "g1"}

        {"path": "a,1.jpg", "label": "cat", "split": "train"}
        {"path": "c.jpg", "label": "cat", "split": "VAL", "group": "g1"}"#;
    tree.write("list.jsonl", json.as_bytes());
    let list = read_list(&tree.path("list.csv"), &ScanOptions::default()).unwrap();
    assert_eq!(list, read_list(&tree.path("list.jsonl"), &ScanOptions::default()).unwrap());
    assert_eq!(list.folder.classes, ["cat", "dog"]);
    assert_eq!(tree.names(list.folder.train.iter().map(|s| &s.path)), ["a,1.jpg", "b.jpg"]);
    assert_eq!(list.folder.val.unwrap()[0].label, 0);
    assert_eq!(list.groups.len(), 2);
}

#[test]
fn a_mistake_in_a_list_has_its_line() {
    let tree = Tree::of(&[]);
    for (name, text, wrong, why) in [
        ("a.csv", "path,label\na.jpg,cat\nb.jpg\n", 3, "the columns are path,label"),
        ("b.csv", "path,label,split\na.jpg,cat,\nb.jpg,dog,later\n", 3, "write train, val or test"),
        ("gaps.csv", "path,label,split\n\na.jpg,cat,\n\n\nb.jpg,dog,later\n", 6, "write train, val or test"),
        ("windows.csv", "path,label\r\n\r\na.jpg,cat\r\n\r\nb.jpg\r\n", 5, "fields is 1 here and 2 in the first line"),
        ("quoted.csv", "\u{FEFF}path,label,split\n\"a\n.jpg\",cat,\nb.jpg,dog,later\n", 4, "write train, val or test"),
        ("c.jsonl", "{\"path\": \"a.jpg\", \"label\": \"cat\"}\n{\"path\": 1}\n", 2, "a line is"),
        ("d.jsonl", "\n[]\n", 2, "a line is"),
        ("empty.csv", "", 1, "the list is empty; name the columns in the first line: path,label"),
        ("header.csv", "path,label\n", 2, "no photo is listed; add a line for each"),
        ("missing.csv", "path,class\na.jpg,cat\n", 1, "there is no column `label`; name the columns"),
        ("unknown.csv", "path,label,fold\na.jpg,cat,1\n", 1, "the column `fold` is not known; name the columns"),
        ("semicolons.csv", "path;label\na.jpg;cat\n", 1, "its columns are not separated by commas; name the columns"),
        ("empty.jsonl", "\n\n", 1, "the list is empty; a line is"),
    ] {
        tree.write(name, text.as_bytes());
        match read_list(&tree.path(name), &ScanOptions::default()) {
            Err(DataError::List { line, reason, .. }) => {
                assert_eq!(line, wrong, "{name}");
                assert!(reason.contains(why), "{name}: {reason}");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(read_list(&tree.path("no.csv"), &ScanOptions::default()), Err(DataError::Missing { .. })));
}

#[test]
fn a_list_as_spreadsheets_write_it_is_read() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"\xEF\xBB\xBFPath, label\r\n1.jpg, cat\r\n2.jpg, dog\r\n");
    let list = read_list(&tree.path("list.csv"), &ScanOptions::default()).unwrap();
    assert_eq!(list.folder.classes, ["cat", "dog"]);
}

#[test]
fn names_give_labels() {
    let tree = Tree::of(&["cat_1.jpg", "x/dog_7.jpg", "cat_2.png", "IMG1.jpg"]);
    let scan = |pattern: &str| scan_by_pattern(tree.root(), pattern, &ScanOptions::default());
    let folder = scan("(?P<label>[a-z]+)_[0-9]").unwrap();
    assert_eq!(folder.classes, ["cat", "dog"]);
    assert_eq!(folder.counts(&folder.train), [2, 1]);
    assert_eq!(folder.skipped[0].reason.kind(), "not matched");
    assert!(matches!(scan("([a-z]+)_"), Err(DataError::Pattern { .. })));
    assert!(matches!(scan("("), Err(DataError::Pattern { .. })));
    let text = scan("(?P<label>zebra)").unwrap_err().to_string();
    assert!(text.contains("matches none of the"), "{text}");
}

const SEVERAL: &[u8] = b"path,label\n1.jpg,dog;cat\n2.jpg,\n3.jpg,cat\n4.jpg,cat; dog;cat\n5.jpg,cow;\n";

fn read(tree: &Tree, name: &str, labels: Labels, classes: Option<&[&str]>) -> Result<List, DataError> {
    let classes = classes.map(|names| names.iter().map(|&name| name.to_owned()).collect());
    read_list(&tree.path(name), &ScanOptions { labels, classes, ..ScanOptions::default() })
}

/// Each photo with its classes, by path.
fn named(tree: &Tree, list: &List) -> Vec<String> {
    let folder = &list.folder;
    let sets = folder.label_sets.as_ref().unwrap();
    let mut named: Vec<String> = folder
        .train
        .iter()
        .map(|sample| {
            let classes = sets.classes(sample.label).iter().map(|&class| folder.classes[class].as_str());
            format!("{} {}", tree.names([&sample.path])[0], classes.collect::<Vec<_>>().join("+"))
        })
        .collect();
    named.sort();
    named
}

#[test]
fn a_photo_of_a_list_may_have_several_classes_or_none() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", SEVERAL);
    let json = r#"{"path": "1.jpg", "label": ["dog", "cat"]}
        {"path": "2.jpg", "label": []}
        {"path": "3.jpg", "label": "cat"}
        {"path": "4.jpg", "label": "cat;dog"}
        {"path": "5.jpg", "label": ["cow"]}"#;
    tree.write("list.jsonl", json.as_bytes());
    let list = read(&tree, "list.csv", Labels::Several, None).unwrap();
    assert_eq!(list, read(&tree, "list.jsonl", Labels::Several, None).unwrap());
    assert_eq!(list.folder.classes, ["cat", "cow", "dog"]);
    assert_eq!(list.folder.counts(&list.folder.train), [3, 1, 2]);
    assert_eq!(named(&tree, &list), ["1.jpg cat+dog", "2.jpg ", "3.jpg cat", "4.jpg cat+dog", "5.jpg cow"]);
    // Of chosen classes a photo keeps those that it has, and stays where it has none.
    let list = read(&tree, "list.csv", Labels::Several, Some(&["dog", "cow"])).unwrap();
    assert_eq!(named(&tree, &list), ["1.jpg dog", "2.jpg ", "3.jpg ", "4.jpg dog", "5.jpg cow"]);
    // Yes or no is a question of one class.
    assert_eq!(read(&tree, "list.csv", Labels::Several, Some(&["cow"])).unwrap().folder.classes, ["cow"]);
    tree.write("number.jsonl", b"{\"path\": \"1.jpg\", \"label\": 7}");
    let wrong = read(&tree, "number.jsonl", Labels::Several, None).unwrap_err().to_string();
    assert!(wrong.contains("a label is a text, or an array of texts"), "{wrong}");
}

#[test]
fn several_classes_where_one_is_wanted_are_an_error_with_its_line() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label\n1.jpg,cat\n2.jpg,cat;dog\n");
    match read(&tree, "list.csv", Labels::One, None) {
        Err(DataError::List { line: 3, reason, .. }) => assert!(reason.contains("--multi-label"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(read(&tree, "list.csv", Labels::One, Some(&["cat", "cat;dog"])).unwrap().folder.train.len(), 2);
    // Where lists are only looked at or split, a set of classes is a class.
    assert_eq!(read(&tree, "list.csv", Labels::AsWritten, None).unwrap().folder.classes, ["cat", "cat;dog"]);
}

/// The line and the reason of a list that is refused.
fn refused(tree: &Tree, name: &str, labels: Labels) -> (u64, String) {
    match read(tree, name, labels, None) {
        Err(DataError::List { line, reason, .. }) => (line, reason),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_photo_without_a_label_has_no_class() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label\n1.jpg,cat\n2.jpg,dog\n3.jpg,\n");
    tree.write("list.jsonl", b"{\"path\": \"1.jpg\", \"label\": \"cat\"}\n\n{\"path\": \"3.jpg\", \"label\": \" \"}\n");
    for (name, wrong) in [("list.csv", 4), ("list.jsonl", 3)] {
        let (line, reason) = refused(&tree, name, Labels::One);
        assert!(
            line == wrong && reason.starts_with("3.jpg has no label; write one, delete the line"),
            "{line} {reason}"
        );
    }
    assert_eq!(read(&tree, "list.csv", Labels::Several, None).unwrap().folder.classes, ["cat", "dog"]);
}

#[test]
fn a_photo_with_two_labels_is_an_error_that_names_both_lines() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label,split\n1.jpg,cat,\n2.jpg,dog,\n./1.jpg,dog,val\n");
    for labels in [Labels::One, Labels::OnePerPhoto, Labels::Several] {
        let (line, reason) = refused(&tree, "list.csv", labels);
        assert!(line == 4 && reason.contains("1.jpg has the label `dog` here and `cat` in line 2; keep"), "{reason}");
    }
    // An audit finds it, among the photos that show the same picture.
    assert_eq!(read(&tree, "list.csv", Labels::AsWritten, None).unwrap().folder.train.len(), 2);
    tree.write("same.csv", b"path,label\n1.jpg,cat;dog\n2.jpg,dog\n1.jpg,dog; cat\n");
    assert_eq!(read(&tree, "same.csv", Labels::Several, None).unwrap().folder.train.len(), 2);
}

#[test]
fn white_space_around_a_path_is_left_out_unless_it_is_the_files_own() {
    let tree = Tree::of(&[]);
    tree.write("own .jpg ", b"");
    tree.write("list.csv", b"path , label\n1.jpg , cat\nown .jpg ,dog \n");
    let folder = read(&tree, "list.csv", Labels::One, None).unwrap().folder;
    assert_eq!(folder.classes, ["cat", "dog"]);
    let names: Vec<_> = folder.train.iter().map(|sample| sample.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["1.jpg", "own .jpg "]);
}

#[test]
fn where_nothing_is_learned_a_list_may_be_all_validation() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label,split\n1.jpg,cat,val\n2.jpg,dog,val\n");
    let with = |min_classes| read_list(&tree.path("list.csv"), &ScanOptions { min_classes, ..ScanOptions::default() });
    assert_eq!(with(1).unwrap().folder.val.unwrap().len(), 2);
    assert!(matches!(with(2), Err(DataError::NoTrainingRows { .. })));
}

#[test]
fn labels_of_both_forms_lose_the_spaces_around_them() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label\n1.jpg, cat \n2.jpg,dog\n");
    tree.write(
        "list.jsonl",
        b"{\"path\": \"1.jpg\", \"label\": \"cat \"}\n{\"path\": \"2.jpg\", \"label\": \" dog\"}\n",
    );
    for name in ["list.csv", "list.jsonl"] {
        let list = read(&tree, name, Labels::One, Some(&["cat", " dog"])).unwrap();
        assert_eq!(list.folder.classes, ["cat", "dog"], "{name}");
    }
}

#[test]
fn a_photo_counts_once_however_often_it_is_listed() {
    let tree = Tree::of(&[]);
    let rows =
        format!("a/1.jpg,cat,\n./a/1.jpg,cat,train\nb/../a/1.jpg,cat,\n{},cat,\n", tree.path("a/1.jpg").display());
    tree.write("list.csv", format!("path,label,split\n{rows}a/1.jpg,cat,val\n2.jpg,dog,\n").as_bytes());
    let list = read(&tree, "list.csv", Labels::One, None).unwrap();
    assert_eq!((list.folder.train.len(), list.folder.val.unwrap().len()), (2, 1));
    tree.write("two.csv", b"path,label\na/1.jpg,cat\nb/../a/1.jpg,dog\n");
    let (line, reason) = refused(&tree, "two.csv", Labels::One);
    assert!(line == 3 && reason.contains("`cat` in line 2"), "{reason}");
}

#[test]
fn a_photo_has_one_group() {
    let tree = Tree::of(&[]);
    tree.write("list.csv", b"path,label,group\n1.jpg,cat,a\n2.jpg,dog,\n./1.jpg,cat,b\n");
    let (line, reason) = refused(&tree, "list.csv", Labels::AsWritten);
    assert!(line == 4 && reason.contains("the group `b` here and in `a` in line 2"), "{reason}");
    tree.write("once.csv", b"path,label,group\n1.jpg,cat,\n2.jpg,dog,\n./1.jpg,cat,b\n");
    let list = read(&tree, "once.csv", Labels::One, None).unwrap();
    assert_eq!(list.groups.get(&tree.path("1.jpg")).map(String::as_str), Some("b"));
}

#[test]
fn json_lines_are_read_as_they_come() {
    let tree = Tree::of(&[]);
    tree.write(
        "mark.jsonl",
        b"\xEF\xBB\xBF{\"path\": \"1.jpg\", \"label\": \"cat\"}\n{\"path\": \"2.jpg\", \"label\": \"dog\"}",
    );
    assert_eq!(read(&tree, "mark.jsonl", Labels::One, None).unwrap().folder.train.len(), 2);
    tree.write("array.jsonl", b"{\"path\": \"1.jpg\", \"label\": [\"cat;dog\"]}");
    let (_, reason) = refused(&tree, "array.jsonl", Labels::Several);
    assert!(reason.contains("make an element of each class"), "{reason}");
    tree.write("broken.jsonl", b"{\"path\": \"1.jpg\"");
    let (_, reason) = refused(&tree, "broken.jsonl", Labels::One);
    assert!(!reason.contains("column"), "{reason}");
    for (name, text) in [("wide.csv", b"\xFF\xFEp\0a\0"), ("wide.jsonl", b"\xFE\xFF\0p\0a")] {
        tree.write(name, text);
        assert!(refused(&tree, name, Labels::One).1.contains("save it as UTF-8"), "{name}");
    }
}

#[test]
fn a_pattern_leaves_the_parts_of_a_data_set_apart() {
    let photos = ["train/cat_1.jpg", "train/dog_1.jpg", "train/x1.jpg", "val/cat_2.jpg", "test/deep/dog_3.jpg"];
    let tree = Tree::of(&photos);
    let scan = |pattern: &str, options: &ScanOptions| scan_by_pattern(tree.root(), pattern, options);
    let folder = scan("(?P<label>[a-z]+)_[0-9]", &ScanOptions::default()).unwrap();
    let names = |part: &[tl_data::Sample]| tree.names(part.iter().map(|sample| &sample.path));
    assert_eq!(names(&folder.train), ["train/cat_1.jpg", "train/dog_1.jpg"]);
    assert_eq!(names(&folder.val.unwrap()), ["val/cat_2.jpg"]);
    assert_eq!(names(&folder.test.unwrap()), ["test/deep/dog_3.jpg"]);
    assert_eq!(tree.names(folder.skipped.iter().map(|skipped| &skipped.path)), ["train/x1.jpg"]);
    // What names the class is no part.
    let folder = scan("^(?P<label>[a-z]+)/", &ScanOptions::default()).unwrap();
    assert_eq!((folder.classes.len(), folder.train.len(), folder.val), (3, 5, None));
    // A class that validation has alone is an error where something is learnt.
    tree.write("val/cow_1.jpg", b"");
    assert!(matches!(scan("(?P<label>[a-z]+)_", &ScanOptions::default()), Err(DataError::UnknownClass { .. })));
    let all = ScanOptions { classes_of_all_parts: true, min_classes: 1, ..ScanOptions::default() };
    assert_eq!(scan("(?P<label>[a-z]+)_", &all).unwrap().classes, ["cat", "cow", "dog"]);
}
