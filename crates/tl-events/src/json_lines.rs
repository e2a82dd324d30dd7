//! JSON lines: one object per line, appended.

use std::{
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
};

use fs_err::{File, OpenOptions};

use crate::{
    error::EventsError,
    record::{Line, Record},
};

/// The lines of a file; a last one that was cut off is passed over, as a killed process leaves it.
///
/// # Errors
/// [`EventsError::Read`] when the system refuses, [`EventsError::Damaged`] for a whole line that is no record.
pub fn read_json_lines(path: &Path) -> Result<Vec<Line>, EventsError> {
    let bytes = fs_err::read(path).map_err(EventsError::read)?;
    let mut lines = Vec::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let damaged = |e: serde_json::Error| EventsError::Damaged { path: path.to_owned(), at, reason: e.to_string() };
        lines.push(serde_json::from_slice(line).map_err(damaged)?);
        at += line.len();
    }
    Ok(lines)
}

/// The line with its end.
pub(crate) fn write_line(out: &mut impl Write, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// The file, made new.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

/// The file, to be written on after its last whole line. It is made where there is none.
pub(crate) fn append(path: &Path) -> io::Result<File> {
    // Truncating to nothing would lose what the run said so far.
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    if end < bytes.len() {
        file.set_len(end as u64)?;
    }
    file.seek(SeekFrom::Start(end as u64))?;
    Ok(file)
}

/// Takes the lines out of which `counts_no_more` is true; the file is to be written on after those that stay.
pub(crate) fn take_back(file: &mut File, counts_no_more: impl Fn(&Record) -> bool) -> io::Result<()> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let stays = |line: &&[u8]| serde_json::from_slice::<Line>(line).map_or(true, |line| !counts_no_more(&line.record));
    let kept = bytes.split_inclusive(|byte| *byte == b'\n').filter(stays).collect::<Vec<_>>().concat();
    // Up to the first line that goes, the file is never without what it said.
    let same = bytes.iter().zip(&kept).take_while(|(before, after)| before == after).count();
    file.set_len(same as u64)?;
    file.seek(SeekFrom::Start(same as u64))?;
    file.write_all(&kept[same..])
}
