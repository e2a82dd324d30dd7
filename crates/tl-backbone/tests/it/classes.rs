//! The table of `ImageNet`'s classes.

use std::collections::BTreeSet;

use tl_backbone::imagenet_classes;

#[test]
fn there_are_1000_classes_in_the_usual_order() {
    let classes = imagenet_classes();
    assert_eq!(classes.len(), 1000);
    for (index, wnid, name) in [
        (0, "n01440764", "tench"),
        (1, "n01443537", "goldfish"),
        (134, "n02012849", "crane (bird)"),
        (281, "n02123045", "tabby"),
        (517, "n03126707", "crane (machine)"),
        (963, "n07873807", "pizza"),
        (999, "n15075141", "toilet tissue"),
    ] {
        assert_eq!((classes[index].wnid, classes[index].name), (wnid, name));
    }
}

#[test]
fn ids_and_names_are_unique_and_ids_are_sorted() {
    let classes = imagenet_classes();
    assert!(classes.windows(2).all(|pair| pair[0].wnid < pair[1].wnid));
    assert_eq!(classes.iter().map(|class| class.name).collect::<BTreeSet<_>>().len(), 1000);
}
