//! Features that were computed before, kept in files.

mod append;
mod index;
mod layout;
mod lock;
mod session;
mod space;
mod store;
mod upkeep;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

pub use self::upkeep::{CacheSpace, Checked, Removed};
pub(crate) use self::{
    session::{Reader, Recipe, Writer},
    space::Space,
};

/// A folder of feature rows, so that no photo is run through the same network twice.
///
/// A row is found by everything that decides its bits: the BLAKE3 hash of the photo's content, the augmented view,
/// geometry, weights, arithmetic, instruction set, device and versions. Where the photo lies and what it is called
/// do not matter. Rows come back as they were computed, bit for bit.
///
/// Several processes may use a folder at once, and be killed at any time: what is damaged or half-written is found
/// by checksum and computed again. A folder that cannot be read or written fails no run: see [`problem`](Self::problem).
///
/// Clones are the same cache, with one count of hits.
#[derive(Debug, Clone)]
pub struct Cache {
    shared: Arc<Shared>,
    /// Hears of a wait.
    on_wait: fn(&Path),
}

#[derive(Debug)]
struct Shared {
    folder: PathBuf,
    n_hits: AtomicUsize,
    problem: Mutex<Option<String>>,
    has_waited: AtomicBool,
}

impl Cache {
    /// The cache in `folder`, which is made when the first rows are written.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        let (n_hits, problem, has_waited) = (AtomicUsize::new(0), Mutex::new(None), AtomicBool::new(false));
        Self { shared: Arc::new(Shared { folder, n_hits, problem, has_waited }), on_wait: |_| {} }
    }

    /// The same cache; `hear` is called with its folder, once, where another process keeps this one waiting for long.
    #[must_use]
    pub fn on_wait(self, hear: fn(&Path)) -> Self {
        Self { on_wait: hear, ..self }
    }

    /// Where the rows are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// Rows that were found instead of computed, so far.
    #[must_use]
    pub fn n_hits(&self) -> usize {
        self.shared.n_hits.load(Ordering::Relaxed)
    }

    /// The first thing that kept rows from being read or written, such as a full disk, with the remedy.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn add_hits(&self, n: usize) {
        self.shared.n_hits.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn tell_wait(&self) {
        if !self.shared.has_waited.swap(true, Ordering::Relaxed) {
            (self.on_wait)(self.folder());
        }
    }

    /// Rows cannot be read.
    pub(crate) fn cannot_be_read(&self, error: &io::Error) {
        self.set_problem("cannot be used", error, "features are computed and not kept");
    }

    /// Rows that are there can be read; new ones cannot be written.
    pub(crate) fn cannot_be_written(&self, error: &io::Error) {
        self.set_problem("cannot be written", error, "features that are new are not kept");
    }

    fn set_problem(&self, what: &str, error: &io::Error, effect: &str) {
        let folder = self.folder().display();
        let text = format!("the feature cache in {folder} {what}: {error}; {effect} (choose another folder, or none)");
        self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
    }
}
