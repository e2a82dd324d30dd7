//! Labels that a list may not have where a network is to learn from them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::rows::{Mistake, Row};
use crate::{
    classes::{SEPARATOR, set_of},
    label_sets::Labels,
    scan::ScanOptions,
};

/// Fails on the first label that cannot be meant. Where lists are only looked at or split, every label is one.
///
/// `photos` are the paths of the rows, each photo spelled in one way.
pub(super) fn check(rows: &[(u64, Row)], photos: &[PathBuf], options: &ScanOptions) -> Result<(), Mistake> {
    check_groups(rows, photos)?;
    match options.labels {
        Labels::AsWritten => return Ok(()),
        Labels::One => check_one(rows, options.classes.as_deref().unwrap_or_default())?,
        Labels::OnePerPhoto | Labels::Several => {}
    }
    check_once(rows, photos)
}

/// Fails on the first photo that has no class, or seems to have several.
fn check_one(rows: &[(u64, Row)], chosen: &[String]) -> Result<(), Mistake> {
    let wrong = rows.iter().find_map(|(line, row)| Some((*line, not_one(row, chosen)?)));
    wrong.map_or(Ok(()), Err)
}

/// Why a label is not that of one class; a class may be chosen by any name.
fn not_one(row: &Row, chosen: &[String]) -> Option<String> {
    let Row { path, label, .. } = row;
    if label.trim().is_empty() {
        let photo = path.display();
        return Some(format!(
            "{photo} has no label; write one, delete the line, or pass --multi-label if photos may be without a class"
        ));
    }
    (label.contains(SEPARATOR) && !chosen.iter().any(|class| class.trim() == label)).then(|| {
        format!(
            "the label `{label}` holds a `{SEPARATOR}`; pass --multi-label if photos have several classes, or name the \
             class in --classes if that is its name"
        )
    })
}

/// Fails on the first photo that a line before gave other classes: one of the two teaches what is wrong.
fn check_once(rows: &[(u64, Row)], photos: &[PathBuf]) -> Result<(), Mistake> {
    let mut labels: BTreeMap<&Path, (u64, &str)> = BTreeMap::new();
    for ((line, Row { path, label, .. }), photo) in rows.iter().zip(photos) {
        let (first, known) = *labels.entry(photo).or_insert((*line, label));
        if set_of(known) != set_of(label) {
            let reason = format!(
                "{} has the label `{label}` here and `{known}` in line {first}; keep one line for each photo, which with \
                 --multi-label may name several classes, as a;b",
                path.display()
            );
            return Err((*line, reason));
        }
    }
    Ok(())
}

/// Fails on the first photo that a line before put into another group: it cannot stay with both.
fn check_groups(rows: &[(u64, Row)], photos: &[PathBuf]) -> Result<(), Mistake> {
    let mut groups: BTreeMap<&Path, (u64, &str)> = BTreeMap::new();
    for ((line, row), photo) in rows.iter().zip(photos) {
        let Some(group) = row.group() else { continue };
        let (first, known) = *groups.entry(photo).or_insert((*line, group));
        if known != group {
            let photo = row.path.display();
            let reason = format!(
                "{photo} is in the group `{group}` here and in `{known}` in line {first}; give both groups one name"
            );
            return Err((*line, reason));
        }
    }
    Ok(())
}
