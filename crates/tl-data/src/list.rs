mod check;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf, absolute},
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

impl Row {
    /// The group, if one is named.
    fn group(&self) -> Option<&str> {
        self.group.as_deref().map(str::trim).filter(|group| !group.is_empty())
    }

    /// 0 to train on, 1 to validate on, 2 to test on.
    fn part(&self) -> Result<usize, String> {
        match self.split.as_deref().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "train" => Ok(0),
            "val" | "valid" | "validation" => Ok(1),
            "test" => Ok(2),
            other => Err(format!("the split {other} is not known; write train, val or test")),
        }
    }
}

/// A label in JSON Lines.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "a label is a text, or an array of texts")]
enum JsonLabel {
    Text(String),
    Names(Vec<String>),
}

impl JsonLabel {
    /// As CSV would have it.
    fn text(self) -> Result<String, String> {
        let names = match self {
            Self::Text(text) => return Ok(text.trim().to_owned()),
            Self::Names(names) => names,
        };
        match names.iter().find(|name| name.contains(SEPARATOR)) {
            Some(name) => Err(format!("`{name}` in an array holds a `{SEPARATOR}`; make an element of each class")),
            None => Ok(names.iter().map(|name| name.trim()).collect::<Vec<_>>().join(&SEPARATOR.to_string())),
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
/// with two labels, except with [`Labels::AsWritten`], which leaves it to an audit; nor in two groups. A photo that is
/// listed again with the same label and split counts once, however its path is spelled.
/// Whether the photos exist is found out when they are read, photo by photo.
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
    let rows = rows.map_err(mistake)?;
    let home = path.parent().unwrap_or(Path::new(""));
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
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let lines = text.split(|&byte| byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    let rows = lines.map(|(line, number)| match serde_json::from_slice(line) {
        Ok(Row::<JsonLabel> { path, label, split, group }) => {
            let label = label.text().map_err(|reason| (number, reason))?;
            Ok((number, Row { path, label, split, group }))
        }
        Err(error) => {
            // Its line is always the first.
            let error = error.to_string();
            let reason = error.rsplit_once(" at line ").map_or(error.as_str(), |(reason, _)| reason);
            Err((number, format!("{reason}; {form}")))
        }
    });
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    if rows.is_empty() { Err((1, format!("the list is empty; {form}"))) } else { Ok(rows) }
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
