//! Members of archives, by name, into a folder; nothing outside of it is ever written.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Seek};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use fs_err::File;
use serde::Deserialize;
use zip::ZipArchive;

/// Which members are kept, and as what: `"torch/include/" = "include/"` keeps a folder, `"a/b.so" = "lib/b.so"` a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Picks(pub BTreeMap<String, String>);

impl Picks {
    /// One member as one file.
    #[must_use]
    pub fn one(member: &str, to: &str) -> Picks {
        Picks(BTreeMap::from([(member.to_owned(), to.to_owned())]))
    }

    /// Where a member goes, if it is kept.
    #[must_use]
    pub fn target(&self, member: &str) -> Option<String> {
        self.0.iter().find_map(|(from, to)| match member.strip_prefix(from.as_str())? {
            "" => (!from.ends_with('/')).then(|| to.clone()),
            rest => from.ends_with('/').then(|| format!("{to}{rest}")),
        })
    }
}

/// The bytes of a zip that its wanted members occupy, so that they can be fetched before they are read.
///
/// # Errors
/// A directory that is damaged.
pub fn spans<R: Read + Seek>(zip: &ZipArchive<R>, target: impl Fn(&str) -> Option<String>) -> Result<Vec<Range<u64>>> {
    // The local header repeats the name and may hold other extra fields than the directory: this much is enough.
    const SLACK: u64 = 2048;
    let mut spans = Vec::new();
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index)?;
        if target(&entry.name()?).is_some() {
            let start = entry.header_start();
            spans.push(start..start + entry.compressed_size() + SLACK);
        }
    }
    Ok(spans)
}

/// Unpacks the wanted members of a zip and says how many there were.
///
/// # Errors
/// A zip that is damaged, a member that would leave the folder, or a folder that cannot be written.
pub fn unzip<R: Read + Seek>(
    zip: &mut ZipArchive<R>,
    target: impl Fn(&str) -> Option<String>,
    to: &Path,
) -> Result<usize> {
    let mut n_members = 0;
    for index in 0..zip.len() {
        let entry = zip.by_index_data(index)?;
        let wanted = if entry.is_file() { target(&entry.name()?) } else { None };
        if let Some(name) = wanted {
            save(&mut zip.by_index(index)?, &inside(to, &name)?)?;
            n_members += 1;
        }
    }
    Ok(n_members)
}

/// Unpacks the wanted members of a zip on disk.
///
/// # Errors
/// A file that cannot be read, or is no zip; and as [`unzip`].
pub fn unzip_file(path: &Path, picks: &Picks, to: &Path) -> Result<usize> {
    let reader = BufReader::new(File::open(path)?);
    let mut zip = ZipArchive::new(reader).with_context(|| format!("{} is no zip", path.display()))?;
    unzip(&mut zip, |member| picks.target(member), to)
}

/// Unpacks the wanted members of a gzipped tar and says how many there were.
///
/// # Errors
/// A tar that is damaged, a member that would leave the folder, or a folder that cannot be written.
pub fn untar(reader: impl Read, picks: &Picks, to: &Path) -> Result<usize> {
    let mut archive = tar::Archive::new(GzDecoder::new(reader));
    let mut n_members = 0;
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_string_lossy().into_owned();
        let wanted = if entry.header().entry_type().is_file() { picks.target(&name) } else { None };
        if let Some(name) = wanted {
            save(&mut entry, &inside(to, &name)?)?;
            n_members += 1;
        }
    }
    Ok(n_members)
}

fn save(reader: &mut impl Read, path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut file = File::create(path)?;
    std::io::copy(reader, &mut file).with_context(|| format!("{} cannot be unpacked", path.display()))?;
    Ok(())
}

/// `folder/name`, if that stays below `folder`.
fn inside(folder: &Path, name: &str) -> Result<PathBuf> {
    let is_plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    ensure!(is_plain && !name.is_empty(), "the archive has a member that would leave its folder: {name}");
    Ok(folder.join(name))
}
