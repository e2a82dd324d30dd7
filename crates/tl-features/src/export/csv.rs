//! Comma-separated values: `path,label,f0,f1,...`.

use std::{
    io::{self, Write},
    path::Path,
};

use csv::{Reader, Writer};

use super::{Failure, FeatureTable};

pub(super) fn write(table: &FeatureTable, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    let names = (0..table.width).map(|i| format!("f{i}"));
    csv.write_record(["path", "label"].map(str::to_owned).into_iter().chain(names))?;
    for i in 0..table.len() {
        csv.write_field(&table.paths[i])?;
        csv.write_field(&table.labels[i])?;
        for value in table.row(i) {
            csv.write_field(value.to_string())?;
        }
        csv.write_record(None::<&[u8]>)?;
    }
    csv.flush()
}

pub(super) fn write_index(table: &FeatureTable, out: &mut dyn Write) -> io::Result<()> {
    let mut csv = Writer::from_writer(out);
    csv.write_record(["path", "label"])?;
    table.paths.iter().zip(&table.labels).try_for_each(|(path, label)| csv.write_record([path, label]))?;
    csv.flush()
}

/// Reads either of the two: an index is a table of no width.
pub(super) fn read(path: &Path) -> Result<FeatureTable, Failure> {
    let mut csv = Reader::from_reader(fs_err::File::open(path)?);
    let columns = csv.headers()?;
    if columns.iter().take(2).ne(["path", "label"]) {
        return Err("its first columns are not path and label".into());
    }
    let mut table = FeatureTable { width: columns.len() - 2, ..FeatureTable::default() };
    for record in csv.records() {
        let record = record?;
        table.paths.push(record[0].to_owned());
        table.labels.push(record[1].to_owned());
        for value in record.iter().skip(2) {
            table.rows.push(value.parse().map_err(|_| format!("`{value}` is no number"))?);
        }
    }
    Ok(table)
}
