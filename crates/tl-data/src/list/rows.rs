//! The rows of a list, as CSV or JSON Lines have them.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::classes::SEPARATOR;

/// The columns of a CSV, for errors.
const COLUMNS: &str = "path,label[,split][,group]";
const NAMES: [&str; 4] = ["path", "label", "split", "group"];

/// The line and the reason of the first mistake.
pub(super) type Mistake = (u64, String);
/// Rows with their lines.
type Rows = Result<Vec<(u64, Row)>, Mistake>;

/// One photo of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row<L = String> {
    pub(super) path: PathBuf,
    pub(super) label: L,
    #[serde(default)]
    split: Option<String>,
    #[serde(default)]
    group: Option<String>,
}

impl Row {
    /// White space around a path is mostly for the eye, and sometimes of a file's name.
    pub(super) fn settle(&mut self, home: &Path) {
        let meant = self.path.to_str().map(str::trim).filter(|meant| Path::new(meant) != self.path);
        if let Some(meant) = meant.filter(|_| !home.join(&self.path).exists()) {
            self.path = PathBuf::from(meant);
        }
    }

    /// The group, if one is named.
    pub(super) fn group(&self) -> Option<&str> {
        self.group.as_deref().map(str::trim).filter(|group| !group.is_empty())
    }

    /// 0 to train on, 1 to validate on, 2 to test on.
    pub(super) fn part(&self) -> Result<usize, String> {
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

pub(super) fn csv_rows(text: &[u8]) -> Rows {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::Headers).from_reader(text);
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
        let row: Row = record.deserialize(Some(&columns)).map_err(mistake)?;
        rows.push((line, Row { label: row.label.trim().to_owned(), ..row }));
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

pub(super) fn json_rows(text: &[u8]) -> Rows {
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
