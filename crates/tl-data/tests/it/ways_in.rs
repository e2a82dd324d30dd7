//! Lists and patterns.

use tl_data::{DataError, ScanOptions, read_list, scan_by_pattern};

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
    for (name, text, wrong) in [
        ("a.csv", "path,label\na.jpg,cat\nb.jpg\n", 3),
        ("b.csv", "path,label,split\na.jpg,cat,\nb.jpg,dog,later\n", 3),
        ("c.jsonl", "{\"path\": \"a.jpg\", \"label\": \"cat\"}\n{\"path\": 1}\n", 2),
        ("d.jsonl", "\n[]\n", 2),
    ] {
        tree.write(name, text.as_bytes());
        match read_list(&tree.path(name), &ScanOptions::default()) {
            Err(DataError::List { line, .. }) => assert_eq!(line, wrong, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(matches!(read_list(&tree.path("no.csv"), &ScanOptions::default()), Err(DataError::Missing { .. })));
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
    assert!(matches!(scan("(?P<label>zebra)"), Err(DataError::NoPhotos { .. })));
}
