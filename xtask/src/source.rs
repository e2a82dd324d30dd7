//! From a source of the manifest to files in a folder.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use fs_err::File;
use zip::{ZipArchive, result::ZipError};

use crate::archive::{self, Picks};
use crate::download::{Download, discard};
use crate::hash::sha256;
use crate::index::{Index, IndexFile};
use crate::manifest::{Package, Source};
use crate::net::Net;
use crate::progress::Task;

/// The name under which [`Place::bring_file`] leaves its file.
const RAW: &str = "raw";

/// Where things come from and where they are kept until they are whole.
#[derive(Debug)]
pub struct Place {
    /// The network.
    pub net: Net,
    /// The package index.
    pub index: Index,
    /// The folder of unfinished downloads.
    pub parts: PathBuf,
}

impl Place {
    /// Brings the file that a source means, and returns its path below `folder`.
    ///
    /// # Errors
    /// A file that cannot be found, brought or written, or is not as pinned; a package without a member.
    pub fn bring_file(&self, source: &Source, folder: &Path, task: &Task) -> Result<PathBuf> {
        let raw = folder.join(RAW);
        match source {
            Source::Upstream(upstream) => {
                self.whole(&upstream.url, None, task, |path| Ok(fs_err::rename(path, &raw)?))?;
            }
            Source::Index(package) => {
                let member = package.member.as_deref().context("the manifest names no member of this package")?;
                self.bring_members(package, &Picks::one(member, RAW), folder, task)?;
            }
        }
        Ok(raw)
    }

    /// Brings the picked members of an archive into `folder`. A source with a member means the zip inside of its file.
    ///
    /// # Errors
    /// As [`Place::bring_file`], and an archive that is damaged or holds nothing of what is wanted.
    pub fn bring_tree(&self, source: &Source, picks: &Picks, folder: &Path, task: &Task) -> Result<()> {
        match source {
            Source::Index(package) if package.member.is_none() => self.bring_members(package, picks, folder, task),
            source => {
                let nested = self.bring_file(source, folder, task)?;
                task.note("unpacking");
                let n_members = archive::unzip_file(&nested, picks, folder)?;
                ensure!(n_members > 0, "nothing of what is wanted is in {source}");
                Ok(fs_err::remove_file(nested)?)
            }
        }
    }

    /// Brings picked members of a package, by ranges where it is a zip.
    fn bring_members(&self, package: &Package, picks: &Picks, folder: &Path, task: &Task) -> Result<()> {
        let file = self.index.find(&self.net, &package.project, &package.file)?;
        let mut n_members = 0;
        if is_zip(&file.name) {
            n_members = self.bring_ranges(&file, |member| picks.target(member), folder, task)?;
        } else {
            self.whole(&file.url, Some(&package.sha256), task, |path| {
                n_members = archive::untar(BufReader::new(File::open(path)?), picks, folder)?;
                Ok(())
            })?;
        }
        ensure!(n_members > 0, "nothing of what is wanted is in {}", file.name);
        Ok(())
    }

    /// Brings and unpacks the wanted members of a zip of the package index, and no other byte of it.
    ///
    /// # Errors
    /// A file that cannot be brought, is no whole zip, or cannot be unpacked.
    pub fn bring_ranges(
        &self,
        file: &IndexFile,
        target: impl Fn(&str) -> Option<String>,
        folder: &Path,
        task: &Task,
    ) -> Result<usize> {
        let path = self.part(&file.url)?;
        let download = Download::open(&self.net, &file.url, &path, task)?;
        let reader = BufReader::new(download.reader()?);
        let mut zip = ZipArchive::new(reader)
            // What came, and is no zip, would be taken up again; what did not come is asked for again.
            .inspect_err(|error| {
                if !matches!(error, ZipError::Io(_)) {
                    discard(&path);
                }
            })
            .with_context(|| format!("{} is no zip", file.name))?;
        download.bring(&archive::spans(&zip, &target)?)?;
        task.note("unpacking");
        let unzipped = archive::unzip(&mut zip, target, folder);
        // Whole or damaged, these bytes are not needed again; a download that broke has left by the question mark above.
        discard(&path);
        unzipped
    }

    /// Brings a whole wheel of the package index, compares it with the hash of the index, and unpacks its members.
    ///
    /// # Errors
    /// As [`Place::bring_ranges`], and a hash that is missing or another.
    pub fn bring_wheel(
        &self,
        file: &IndexFile,
        target: impl Fn(&str) -> Option<String>,
        folder: &Path,
        task: &Task,
    ) -> Result<usize> {
        let pinned = file.sha256.as_deref().with_context(|| format!("the index has no sha256 of {}", file.name))?;
        let mut n_members = 0;
        self.whole(&file.url, Some(pinned), task, |path| {
            let mut zip = ZipArchive::new(BufReader::new(File::open(path)?))?;
            n_members = archive::unzip(&mut zip, target, folder)?;
            Ok(())
        })?;
        Ok(n_members)
    }

    /// Brings a whole file, compares it with its hash, and gives it to `use_file`.
    fn whole(
        &self,
        url: &str,
        pinned: Option<&str>,
        task: &Task,
        use_file: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let path = self.part(url)?;
        Download::open(&self.net, url, &path, task).and_then(|download| download.bring_all())?;
        if let Some(pinned) = pinned {
            task.note("checking");
            let found = sha256(&path)?;
            if found != pinned {
                discard(&path);
                bail!("its sha256 is {found}, not {pinned}: thrown away");
            }
        }
        task.note("unpacking");
        let used = use_file(&path);
        discard(&path);
        used
    }

    fn part(&self, url: &str) -> Result<PathBuf> {
        fs_err::create_dir_all(&self.parts)?;
        let name = url.split(['?', '#']).next().unwrap_or(url).rsplit('/').next().unwrap_or("file");
        Ok(self.parts.join(format!("{name}.part")))
    }
}

/// Whether a file of the index is a zip, as every wheel is.
fn is_zip(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "whl" || extension == "zip")
}
