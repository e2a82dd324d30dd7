use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    classes::Classes,
    error::DataError,
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

/// One photo of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    path: PathBuf,
    label: String,
    #[serde(default)]
    split: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

/// Reads a list of photos: `path,label[,split][,group]`.
///
/// A file that ends in `.jsonl` holds one JSON object per line; any other is CSV with a header line.
/// Relative paths start at the list's own folder. `split` is `train` (or nothing), `val`, `valid`, `validation` or
/// `test`; a list with `test` rows but no validation rows validates on them, as [`scan`](crate::scan) does.
/// Whether the photos exist is found out when they are read, photo by photo.
///
/// # Errors
/// [`DataError::List`] with the line of the first mistake; the errors of [`scan`](crate::scan) for its classes.
pub fn read_list(path: &Path, options: &ScanOptions) -> Result<List, DataError> {
    let text = fs_err::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => DataError::Missing { path: path.to_owned() },
        kind => DataError::Read { path: path.to_owned(), reason: kind.to_string() },
    })?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let rows = if is_json { json_rows(&text) } else { csv_rows(&text) };
    let rows = rows.map_err(|(line, reason)| DataError::List { path: path.to_owned(), line, reason })?;
    if rows.is_empty() {
        return Err(DataError::NoPhotos { path: path.to_owned() });
    }
    sorted_into_parts(path, &rows, options)
}

/// Rows with their lines, or the line and the reason of the first mistake.
type Rows = Result<Vec<(u64, Row)>, (u64, String)>;

fn csv_rows(text: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let mut rows = Vec::new();
    for row in reader.deserialize::<Row>() {
        let row = row.map_err(|error| {
            let line = error.position().map_or(1, csv::Position::line);
            (line, format!("{error}; the columns are path,label[,split][,group]"))
        })?;
        // Line 1 names the columns.
        rows.push((rows.len() as u64 + 2, row));
    }
    Ok(rows)
}

fn json_rows(text: &[u8]) -> Rows {
    let lines = text.split(|&byte| byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    lines
        .map(|(line, number)| match serde_json::from_slice(line) {
            Ok(row) => Ok((number, row)),
            Err(error) => Err((number, format!("{error}; a line is {{\"path\": ..., \"label\": ...}}"))),
        })
        .collect()
}

fn sorted_into_parts(path: &Path, rows: &[(u64, Row)], options: &ScanOptions) -> Result<List, DataError> {
    let home = path.parent().unwrap_or(Path::new(""));
    let classes = Classes::choose(rows.iter().map(|(_, row)| row.label.as_str()), options.classes.as_deref(), path)?;
    let mut list = List::default();
    let (mut train, mut val, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for (line, row) in rows {
        let Some(label) = classes.label(&row.label) else { continue };
        let sample = Sample { path: home.join(&row.path), label };
        if let Some(group) = row.group.as_deref().filter(|group| !group.is_empty()) {
            list.groups.insert(sample.path.clone(), group.to_owned());
        }
        match row.split.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("" | "train") => train.push(sample),
            Some("val" | "valid" | "validation") => val.push(sample),
            Some("test") => test.push(sample),
            Some(other) => {
                let reason = format!("the split {other} is not known; write train, val or test");
                return Err(DataError::List { path: path.to_owned(), line: *line, reason });
            }
        }
    }
    for part in [&mut train, &mut val, &mut test] {
        part.sort_by(|a, b| a.label.cmp(&b.label).then_with(|| a.path.cmp(&b.path)));
    }
    if val.is_empty() {
        std::mem::swap(&mut val, &mut test);
    }
    let given = |part: Vec<Sample>| Some(part).filter(|part| !part.is_empty());
    list.folder = Folder { train, val: given(val), test: given(test), ..Folder::default() };
    list.folder.finish(classes, path, options)?;
    Ok(list)
}
