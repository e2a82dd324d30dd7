//! The 1000 classes of `ImageNet` (ILSVRC 2012), in the order of every pretrained top.

use std::sync::LazyLock;

/// A class that the pretrained tops know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImageNetClass {
    /// `WordNet` id, such as `n01440764`.
    pub wnid: &'static str,
    /// Its first name in English, such as `tench`.
    pub name: &'static str,
}

static CLASSES: LazyLock<Vec<ImageNetClass>> = LazyLock::new(|| {
    let rows = include_str!("imagenet_classes.tsv").lines().filter_map(|line| line.split_once('\t'));
    rows.map(|(wnid, name)| ImageNetClass { wnid, name }).collect()
});

/// The classes; position is the index of the logit.
#[must_use]
pub fn imagenet_classes() -> &'static [ImageNetClass] {
    &CLASSES
}
