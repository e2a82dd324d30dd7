//! `cargo xtask fetch`: libtorch, weights and sample photos into `data/`, each verified, each only once.

pub mod cuda;
mod job;
pub mod libtorch;
mod requirement;
pub mod samples;
mod sources;
pub mod weights;

use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::Args;
use fs_err::File;

use self::job::{plan, run_and_tell};
pub use self::sources::first_of;
use crate::hash::{Memory, sha256};
use crate::index::Index;
use crate::manifest::Manifest;
use crate::net::Net;
use crate::progress::Progress;
use crate::source::Place;
use crate::workspace;

/// How the names of folders of unfinished things start.
const STAGING: &str = "staging-";

/// What `fetch` can be told.
#[derive(Debug, Default, Clone, Args)]
pub struct FetchOptions {
    /// Networks to fetch besides the default one, such as `mobilenet_v2`.
    pub weights: Vec<String>,
    /// Fetch the weights of every network.
    #[arg(long)]
    pub all: bool,
    /// Sample photos to fetch besides the default ones, such as `dogs_cats`.
    #[arg(long = "sample", value_name = "NAME")]
    pub samples: Vec<String>,
    /// Fetch the CUDA build of libtorch with the NVIDIA libraries that it needs (several GB).
    #[arg(long)]
    pub cuda: bool,
    /// Keep everything in this folder instead of the workspace's `data`.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// How a thing came to be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was here and is what it should be.
    AlreadyHere,
    /// It was brought and verified; what the user has to know about it may follow.
    Fetched(Option<String>),
    /// It was left as it is, for this reason.
    LeftAlone(String),
}

/// Everything that fetching needs to know.
#[derive(Debug)]
pub struct Store {
    /// Where things are kept.
    pub data: PathBuf,
    /// What they must be.
    pub manifest: Manifest,
    /// Where they come from.
    pub place: Place,
    /// What was verified before.
    pub memory: Memory,
    /// Where the user sees it.
    pub progress: Progress,
}

impl Store {
    /// A store in the folder `data`.
    #[must_use]
    pub fn new(data: &Path, manifest: Manifest, net: Net, index: Index, progress: Progress) -> Store {
        let place = Place { net, index, parts: data.join(".fetch/parts") };
        Store { data: data.to_owned(), manifest, place, memory: Memory::open(data), progress }
    }

    /// A folder for unfinished things on the same disk as the finished ones; it goes when it is dropped.
    ///
    /// # Errors
    /// A data folder that cannot be written.
    pub fn staging(&self) -> Result<tempfile::TempDir> {
        let folder = self.data.join(".fetch");
        fs_err::create_dir_all(&folder)?;
        Ok(tempfile::Builder::new().prefix(STAGING).tempdir_in(folder)?)
    }

    /// Whether `name` below the data folder is there and has this hash.
    ///
    /// # Errors
    /// As [`Memory::sha256`].
    pub fn is_here(&self, name: &str, sha256: &str) -> Result<bool> {
        Ok(self.memory.sha256(name)?.as_deref() == Some(sha256))
    }
}

/// Fetches what the options ask for; true if all of it is here now.
///
/// # Errors
/// As [`fetch`], and a manifest, certificates or a data folder that cannot be used.
pub fn run(options: &FetchOptions) -> Result<bool> {
    let data = options.data.clone().unwrap_or_else(workspace::data);
    let manifest = Manifest::read(&workspace::manifest())?;
    let _lock = lock(&data)?;
    sweep(&data)?;
    let store = Store::new(&data, manifest, Net::from_environment()?, Index::default(), Progress::new());
    fetch(&store, options)
}

/// Fetches into `store` what the options ask for, everything side by side; true if all of it is here now.
///
/// # Errors
/// A name that the manifest does not know. What cannot be brought is told, and is no error.
pub fn fetch(store: &Store, options: &FetchOptions) -> Result<bool> {
    let jobs = plan(&store.manifest, options)?;
    let results: Vec<bool> = thread::scope(|scope| {
        let workers: Vec<_> = jobs.iter().map(|job| scope.spawn(|| run_and_tell(store, *job))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or(false)).collect()
    });
    Ok(results.into_iter().all(|is_here| is_here))
}

/// Compares what was brought with what the manifest pins.
///
/// # Errors
/// A file that is missing, cannot be read, or has another hash.
pub fn verify(path: &Path, pinned: &str) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    ensure!(path.exists(), "it does not hold {name}");
    let found = sha256(path)?;
    ensure!(found == pinned, "{}", mismatch(&name, &found, pinned));
    Ok(())
}

/// What to say of other bytes than the pinned ones.
#[must_use]
pub fn mismatch(name: &str, found: &str, pinned: &str) -> String {
    format!("the sha256 of {name} is {found}, but data/manifest.toml pins {pinned}: thrown away, nothing was changed")
}

/// Removes what a killed run left unfinished; its downloads stay, they can be taken up.
fn sweep(data: &Path) -> Result<()> {
    for entry in fs_err::read_dir(data.join(".fetch"))? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(STAGING) {
            fs_err::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

/// Two runs at once would write the same parts: the second waits for the first.
fn lock(data: &Path) -> Result<File> {
    fs_err::create_dir_all(data.join(".fetch"))?;
    let file = File::create(data.join(".fetch/lock"))?;
    if file.file().try_lock().is_err() {
        eprintln!("Another fetch is running: waiting for it.");
        file.file().lock().context("the data folder cannot be locked")?;
    }
    Ok(file)
}
