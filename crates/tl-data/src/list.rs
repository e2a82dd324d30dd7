mod check;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use self::check::check;
use crate::{
    classes::{Classes, SEPARATOR, split},
    error::DataError,
    label_sets::{LabelSets, Labels},
    sample::{Folder, Sample},
    scan::ScanOptions,
};

/// The columns of a CSV, for errors.
const COLUMNS: &str = "path,label[,split][,group]";
const NAMES: [&str; 4] = ["path", "label", "split", "group"];

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
struct Row<L = String> {
    path: PathBuf,
    label: L,
    #[serde(default)]
    split: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

/// A label in JSON Lines.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a label is a text, or an array of texts")]
enum JsonLabel {
    Text(String),
    Names(Vec<String>),
}

impl From<JsonLabel> for String {
    /// As CSV would have it.
    fn from(label: JsonLabel) -> Self {
        match label {
            JsonLabel::Text(text) => text,
            JsonLabel::Names(names) => names.join(&SEPARATOR.to_string()),
        }
    }
}

/// Reads a list of photos: `path,label[,split][,group]`.
///
/// A file that ends in `.jsonl` holds one JSON object per line; any other is CSV with a header line.
/// Relative paths start at the list's own folder. `split` is `train` (or nothing), `val`, `valid`, `validation` or
/// `test`; a list with `test` rows but no validation rows validates on them, as [`scan`](crate::scan) does.
/// With [`Labels::Several`] a label may name several classes with `;` between, or in JSON Lines as an array, and an
/// empty label none; of chosen classes a photo keeps those that it has. No photo may be listed
/// with two labels, except with [`Labels::AsWritten`], which leaves it to an audit.
/// Whether the photos exist is found out when they are read, photo by photo.
///
/// # Errors
/// [`DataError::List`] with the line of the first mistake; the errors of [`scan`](crate::scan) for its classes.
pub fn read_list(path: &Path, options: &ScanOptions) -> Result<List, DataError> {
    let text = fs_err::read(path).map_err(|error| DataError::refused(path, &error))?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("jsonl"));
    let rows = if is_json { json_rows(&text) } else { csv_rows(&text) };
    let mistake = |(line, reason)| DataError::List { path: path.to_owned(), line, reason };
    let rows = rows.map_err(mistake)?;
    check(&rows, options).map_err(mistake)?;
    sorted_into_parts(path, &rows, options)
}

/// The line and the reason of the first mistake.
type Mistake = (u64, String);
/// Rows with their lines.
type Rows = Result<Vec<(u64, Row)>, Mistake>;

fn csv_rows(text: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
    let mistake = |error: csv::Error| {
        let line = error.position().map_or(1, |position| line_at(text, position));
        (line, format!("{}; the columns are {COLUMNS}", csv_reason(&error)))
    };
    let columns: csv::StringRecord = reader.headers().map_err(mistake)?.iter().map(str::to_lowercase).collect();
    check_columns(&columns)?;
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(mistake)?;
        let line = record.position().map_or(1, |position| line_at(text, position));
        rows.push((line, record.deserialize(Some(&columns)).map_err(mistake)?));
    }
    if rows.is_empty() {
        Err((2, "no photo is listed; add a line for each, such as 1.jpg,cat".to_owned()))
    } else {
        Ok(rows)
    }
}

/// What is wrong, without the reader's own count of lines.
fn csv_reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the number of fields is {len} here and {expected_len} in the first line")
        }
        csv::ErrorKind::Utf8 { err, .. } => err.to_string(),
        csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
        _ => error.to_string(),
    }
}

/// The line of a record, whose position is where the one before it ended: empty lines may lie between.
fn line_at(text: &[u8], position: &csv::Position) -> u64 {
    let rest = usize::try_from(position.byte()).ok().and_then(|byte| text.get(byte..)).unwrap_or_default();
    let n_empty = rest.iter().take_while(|byte| b"\r\n".contains(byte)).filter(|byte| **byte == b'\n').count();
    position.line() + n_empty as u64
}

/// Fails where the first line of a CSV does not name the columns.
fn check_columns(found: &csv::StringRecord) -> Result<(), Mistake> {
    let missing = ["path", "label"].into_iter().find(|name| !found.iter().any(|column| column == *name));
    let unknown = found.iter().find(|column| !NAMES.contains(column));
    let problem = match (missing, unknown) {
        _ if found.is_empty() => "the list is empty".to_owned(),
        // Spreadsheets write them so where the comma is in numbers.
        (Some(_), Some(line)) if found.len() == 1 && line.contains([';', '\t']) => {
            "its columns are not separated by commas".to_owned()
        }
        (Some(name), _) => format!("there is no column `{name}`"),
        (None, Some(name)) => format!("the column `{name}` is not known"),
        (None, None) => return Ok(()),
    };
    Err((1, format!("{problem}; name the columns in the first line: {COLUMNS}")))
}

fn json_rows(text: &[u8]) -> Rows {
    let form = "a line is {\"path\": ..., \"label\": ...}";
    let lines = text.split(|&byte| byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let rows = lines.map(|(line, number)| match serde_json::from_slice(line) {
        Ok(Row::<JsonLabel> { path, label, split, group }) => {
            Ok((number, Row { path, label: label.into(), split, group }))
        }
        Err(error) => Err((number, format!("{error}; {form}"))),
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() { Err((1, format!("the list is empty; {form}"))) } else { Ok(rows) }
}

fn sorted_into_parts(path: &Path, rows: &[(u64, Row)], options: &ScanOptions) -> Result<List, DataError> {
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
    let mut list = List::default();
    let (mut train, mut val, mut test) = (Vec::new(), Vec::new(), Vec::new());
    for (line, row) in rows {
        let label = match &sets {
            Some(sets) => sets.label(&classes.set(&row.label)),
            None => classes.label(&row.label),
        };
        let Some(label) = label else { continue };
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
    list.folder = Folder { train, val: given(val), test: given(test), label_sets: sets, ..Folder::default() };
    list.folder.finish(classes, path, options)?;
    Ok(list)
}
