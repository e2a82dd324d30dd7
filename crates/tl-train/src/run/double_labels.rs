//! The same photo under two labels, which no head can learn both.

use std::collections::BTreeMap;

use tl_data::Sample;
use tl_features::Features;

use crate::data::Data;

/// A sentence about photos whose content is there under several labels, with an example; none where there are none.
/// `features` are those of the training photos, then of the validation photos.
pub(super) fn warning(data: &Data, features: &Features) -> Option<String> {
    let samples: Vec<&Sample> = data.train.iter().chain(&data.val).collect();
    let (mut seen, mut doubles) = (BTreeMap::new(), BTreeMap::new());
    for (&photo, content) in features.photos.iter().zip(&features.hashes) {
        let (first, again) = (*seen.entry(content).or_insert(samples[photo]), samples[photo]);
        if first.label != again.label {
            doubles.entry(&first.path).or_insert((first, again));
        }
    }
    let (n, (_, &(first, second))) = (doubles.len(), doubles.first_key_value()?);
    let name = |sample: &Sample| format!("{} ({})", sample.path.display(), named(data, sample));
    Some(format!(
        "{n} {} under several labels, such as {} and {}; `tl data audit` lists them",
        if n == 1 { "photo is" } else { "photos are" },
        name(first),
        name(second)
    ))
}

fn named(data: &Data, sample: &Sample) -> String {
    let classes: Vec<&str> = data.classes_of(&sample.label).iter().map(|&class| data.classes[class].as_str()).collect();
    if classes.is_empty() { "none".to_owned() } else { classes.join(";") }
}
