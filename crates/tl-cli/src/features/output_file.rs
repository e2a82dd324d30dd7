//! Where a table goes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use tl_data::Draft;
use tl_features::{ExportFormat, FeatureTable};

use crate::{output, skipped::plural};

/// A file that a table can be written to.
pub(super) struct OutputFile<'a> {
    path: &'a Path,
    format: ExportFormat,
    /// The CSV with the paths and labels of an .npy.
    index: Option<PathBuf>,
}

impl<'a> OutputFile<'a> {
    /// Asks whether the file can be written, before there is anything to lose.
    pub(super) fn new(path: &'a Path, format: ExportFormat) -> Result<Self> {
        if path == Path::new("-") {
            bail!("--out names a file; for standard output give /dev/stdout with --format");
        }
        let (index, array) = (path.with_extension("csv"), path.with_extension("npy"));
        let out = Self { path, format, index: (format == ExportFormat::Npy).then_some(index) };
        let shown = path.display();
        match &out.index {
            Some(index) if index == path => bail!("{shown} is where the paths of an .npy go; end its own name in .npy"),
            Some(index) if index.exists() && !path.exists() => {
                bail!(
                    "{} is there already, and the paths of {shown} go there; remove it or choose another name",
                    index.display()
                )
            }
            None if format == ExportFormat::Csv && array.exists() => {
                bail!("{shown} holds the paths of {}; choose another name", array.display())
            }
            _ => {}
        }
        for file in out.files().filter(|file| !file.exists() || file.is_file()) {
            draft(file, |_| Ok(()))?;
        }
        Ok(out)
    }

    /// Whether nothing that is read would be written over.
    pub(super) fn check_apart<'p>(&self, inputs: impl Iterator<Item = &'p Path>) -> Result<()> {
        let own: Vec<PathBuf> = self.files().filter_map(|file| fs::canonicalize(file).ok()).collect();
        if own.is_empty() {
            return Ok(());
        }
        for input in inputs {
            if fs::canonicalize(input).is_ok_and(|input| own.contains(&input)) {
                bail!(
                    "{} is read, and {} would take its place; choose another name",
                    input.display(),
                    self.path.display()
                );
            }
        }
        Ok(())
    }

    /// Writes the table whole or not at all, and says so.
    pub(super) fn save(&self, table: &FeatureTable) -> Result<()> {
        let written = draft(self.path, |out| table.write(self.format, out))?;
        let index = self.index.as_ref().map(|index| draft(index, |out| table.write_index(out))).transpose()?;
        for draft in std::iter::once(written).chain(index) {
            draft.put().with_context(|| format!("{} cannot be written", self.path.display()))?;
        }
        let photos = plural(table.len(), "photo");
        let wrote = format!("Wrote {} features of {photos} to {}", table.width, self.path.display());
        // A table that went to standard output is to stay one.
        match self.path.is_file() {
            true => output::result(&format!("{wrote}\n"))?,
            false => output::note(&wrote),
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(self.path).chain(self.index.as_deref())
    }
}

fn draft(path: &Path, write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<Draft> {
    Draft::write(path, write).with_context(|| format!("{} cannot be written", path.display()))
}
