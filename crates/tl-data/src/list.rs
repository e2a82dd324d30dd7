mod check;
mod rows;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf, absolute},
};

use self::{
    check::check,
    rows::{Row, csv_rows, json_rows},
};
use crate::{
    classes::{Classes, split},
    error::DataError,
    label_sets::{LabelSets, Labels},
    sample::{Folder, Sample},
    scan::ScanOptions,
};

/// The photos of a list, and the groups it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct List {
    /// The photos by part, as from a folder.
    pub folder: Folder,
    /// Groups of photos that must stay on one side, for [`Together`](crate::Together).
    pub groups: BTreeMap<PathBuf, String>,
}

/// Reads a list of photos: `path,label[,split][,group]`.
///
/// A file that ends in `.jsonl` holds one JSON object per line; any other is CSV with a header line.
/// Relative paths start at the list's own folder. `split` is `train` (or nothing), `val`, `valid`, `validation` or
/// `test`; a list with `test` rows but no validation rows validates on them, as [`scan`](crate::scan) does.
/// With [`Labels::Several`] a label may name several classes with `;` between, or in JSON Lines as an array, and an
/// empty label none; of chosen classes a photo keeps those that it has. No photo may be listed with two labels, except
/// with [`Labels::AsWritten`], which leaves it to an audit; nor in two groups. A photo that is listed again with the same
/// label and split counts once, however its path is spelled. White space around a path is left out where there is no
/// file of that name; whether the others exist is found out when they are read, photo by photo.
///
/// # Errors
/// [`DataError::List`] with the line of the first mistake; the errors of [`scan`](crate::scan) for its classes.
pub fn read_list(path: &Path, options: &ScanOptions) -> Result<List, DataError> {
    let text = fs_err::read(path).map_err(|error| DataError::refused(path, &error))?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let mistake = |(line, reason)| DataError::List { path: path.to_owned(), line, reason };
    if text.starts_with(b"\xFF\xFE") || text.starts_with(b"\xFE\xFF") {
        return Err(mistake((1, "the list is UTF-16; save it as UTF-8".to_owned())));
    }
    let rows = if is_json { json_rows(&text) } else { csv_rows(&text) };
    let mut rows = rows.map_err(mistake)?;
    let home = path.parent().unwrap_or(Path::new(""));
    for (_, row) in &mut rows {
        row.settle(home);
    }
    let photos: Vec<_> = rows.iter().map(|(_, row)| plain(&home.join(&row.path))).collect();
    check(&rows, &photos, options).map_err(mistake)?;
    sorted_into_parts(path, &rows, &photos, options)
}

/// A path as it is told from others: absolute, without `.` and `..`. Links are not followed.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

fn sorted_into_parts(
    path: &Path,
    rows: &[(u64, Row)],
    photos: &[PathBuf],
    options: &ScanOptions,
) -> Result<List, DataError> {
    let home = path.parent().unwrap_or(Path::new(""));
    let is_several = options.labels == Labels::Several;
    let names: Vec<&str> = match is_several {
        true => rows.iter().flat_map(|(_, row)| split(&row.label)).collect(),
        false => rows.iter().map(|(_, row)| row.label.as_str()).collect(),
    };
    if names.is_empty() && options.min_classes > 0 {
        let reason = "no photo of the list has a class; name some in the column `label`".to_owned();
        return Err(DataError::List { path: path.to_owned(), line: rows[0].0, reason });
    }
    let classes = Classes::choose(names.into_iter(), options.classes.as_deref(), path)?;
    let sets = is_several.then(|| LabelSets::new(rows.iter().map(|(_, row)| classes.set(&row.label))));
    let groups: BTreeMap<_, _> =
        rows.iter().zip(photos).filter_map(|((_, row), photo)| Some((photo, row.group()?))).collect();
    let (mut list, mut seen, mut parts) = (List::default(), BTreeSet::new(), [const { Vec::new() }; 3]);
    for ((line, row), photo) in rows.iter().zip(photos) {
        let label = match &sets {
            Some(sets) => sets.label(&classes.set(&row.label)),
            None => classes.label(&row.label),
        };
        let Some(label) = label else { continue };
        let part = row.part().map_err(|reason| DataError::List { path: path.to_owned(), line: *line, reason })?;
        if !seen.insert((photo, label, part)) {
            continue;
        }
        let sample = Sample { path: home.join(&row.path), label };
        if let Some(group) = groups.get(photo) {
            list.groups.insert(sample.path.clone(), (*group).to_owned());
        }
        parts[part].push(sample);
    }
    for part in &mut parts {
        part.sort_by(|a, b| a.label.cmp(&b.label).then_with(|| a.path.cmp(&b.path)));
    }
    let [train, mut val, mut test] = parts;
    if train.is_empty() && options.min_classes > 1 {
        return Err(DataError::NoTrainingRows { path: path.to_owned() });
    }
    if val.is_empty() {
        std::mem::swap(&mut val, &mut test);
    }
    let given = |part: Vec<Sample>| Some(part).filter(|part| !part.is_empty());
    list.folder = Folder { train, val: given(val), test: given(test), label_sets: sets, ..Folder::default() };
    list.folder.finish(classes, path, options)?;
    Ok(list)
}
