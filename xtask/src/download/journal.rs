//! The list of the chunks that are there, beside the file.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use fs_err::{File, OpenOptions};

use crate::net::Failure;

/// The unit of the journal.
pub(super) const CHUNK: u64 = 256 << 10;

/// Which chunks of a file are there.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    pub(super) is_here: Vec<bool>,
}

impl Journal {
    /// Takes up the journal beside `path` if it belongs to the same file, or starts a new one.
    pub(super) fn open(path: &Path, n_bytes: u64, validator: Option<&str>) -> Result<Journal, Failure> {
        let title = title(n_bytes, validator);
        let text = fs_err::read_to_string(journal_path(path)).unwrap_or_default();
        let mut lines = text.lines();
        let is_same = lines.next() == Some(&title) && path.metadata().is_ok_and(|file| file.len() == n_bytes);
        let mut is_here = vec![false; n_bytes.div_ceil(CHUNK) as usize];
        if is_same {
            // A line that was cut off is skipped, and a number that is too large.
            let numbers = lines.filter_map(|line| line.strip_suffix(';')?.parse::<usize>().ok());
            numbers.filter(|chunk| *chunk < n_bytes.div_ceil(CHUNK) as usize).for_each(|chunk| is_here[chunk] = true);
            let mut file = OpenOptions::new().append(true).open(journal_path(path))?;
            if !text.ends_with('\n') {
                file.write_all(b"\n")?;
            }
            return Ok(Journal { file, is_here });
        }
        File::create(path)?.set_len(n_bytes)?;
        let mut file = File::create(journal_path(path))?;
        writeln!(file, "{title}")?;
        Ok(Journal { file, is_here })
    }

    /// A chunk came.
    pub(super) fn mark(&mut self, chunk: usize) -> Result<(), Failure> {
        // In one piece: of several a kill might leave the first.
        self.file.write_all(format!("{chunk};\n").as_bytes())?;
        self.is_here[chunk] = true;
        Ok(())
    }
}

/// The journal of a file that is there whole.
pub(super) fn write_complete(path: &Path, n_bytes: u64, validator: Option<&str>) -> Result<(), Failure> {
    let chunks: Vec<String> = (0..n_bytes.div_ceil(CHUNK)).map(|chunk| format!("{chunk};\n")).collect();
    let title = title(n_bytes, validator);
    Ok(fs_err::write(journal_path(path), format!("{title}\n{}", chunks.concat()))?)
}

/// The first line: which file it is of.
fn title(n_bytes: u64, validator: Option<&str>) -> String {
    format!("{n_bytes} {}", validator.unwrap_or("-"))
}

/// Where the journal of a file is.
pub(super) fn journal_path(path: &Path) -> PathBuf {
    path.with_added_extension("journal")
}
