//! Whether a model is asked about what it learnt from.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Result;

use crate::{
    model::Named,
    output::{self, quoted},
    skipped::plural,
};

/// Says so where `photos` are among those that the model was trained on, as far as its run's folder tells.
pub(super) fn say<'a>(model: &Named, photos: impl Iterator<Item = &'a Path>) {
    let Named::Bundle(model) = model else { return };
    let list = model.with_file_name("photos.csv");
    // Models that were carried away have no list beside them.
    let Ok(learnt) = learnt(&list) else { return };
    let n = photos.filter(|photo| std::path::absolute(photo).is_ok_and(|photo| learnt.contains(&photo))).count();
    if n > 0 {
        let (n, list) = (plural(n, "photo"), quoted(&list.to_string_lossy()));
        let problem = format!("the model was trained on {n} of these, which flatters it; those held out are in {list}");
        output::careful("seen", &problem);
    }
}

/// The photos that a run trained on.
fn learnt(list: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut photos = BTreeSet::new();
    for record in csv::Reader::from_path(list)?.records() {
        let record = record?;
        if record.get(2) == Some("train") {
            photos.insert(PathBuf::from(&record[0]));
        }
    }
    Ok(photos)
}
