//! Whether a model is asked about what it learnt from.

use std::{collections::BTreeSet, path::Path};

use tl_data::{ScanOptions, read_list};

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
    let options = ScanOptions { min_classes: 1, ..ScanOptions::default() };
    let Ok(run) = read_list(&list, &options) else { return };
    let learnt: BTreeSet<_> = run.folder.train.into_iter().map(|sample| sample.path).collect();
    let n = photos.filter(|photo| std::path::absolute(photo).is_ok_and(|photo| learnt.contains(&photo))).count();
    if n > 0 {
        let list = quoted(&list.to_string_lossy());
        let held_out = run.folder.val.map_or_else(String::new, |_| format!("; those held out are in {list}"));
        let n = plural(n, "photo");
        output::careful("seen", &format!("the model was trained on {n} of these, which flatters it{held_out}"));
    }
}
