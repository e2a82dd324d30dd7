//! `cargo xtask doctor`: what is here, what is missing, and how to get it.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::fetch::{Outcome, Store, cuda, libtorch, samples, weights};
use crate::index::Index;
use crate::manifest::Manifest;
use crate::net::Net;
use crate::progress::Progress;
use crate::workspace;

/// Bytes that a build of the workspace takes, measured generously, with libtorch and one set of weights.
const NEEDED_BYTES: u64 = 6 << 30;

/// The result of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    what: String,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// It is here; how it is.
    Good(String),
    /// It is not here and is not needed; how to get it.
    Optional(String),
    /// It is not here and is needed; how to get it.
    Missing(String),
}

impl Finding {
    fn new(what: &str, state: State) -> Finding {
        Finding { what: what.to_owned(), state }
    }

    /// Whether nothing has to be done about it.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        !matches!(self.state, State::Missing(_))
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mark, text) = match &self.state {
            State::Good(text) => ("ok", text),
            State::Optional(text) => ("-", text),
            State::Missing(text) => ("MISSING", text),
        };
        write!(f, "{mark:>7}  {:<18}  {text}", self.what)
    }
}

/// Looks at everything and prints it; true if nothing needed is missing.
///
/// # Errors
/// A manifest or certificates that cannot be used; and as [`Store::is_here`].
pub fn run() -> Result<bool> {
    let manifest = Manifest::read(&workspace::manifest())?;
    let index = Index::default();
    let mut findings = vec![toolchain(), compiler(), package_index(&index), disk(&workspace::root())];
    let store = Store::new(&workspace::data(), manifest, Net::from_environment()?, index, Progress::silent());
    findings.push(libtorch_finding(&store)?);
    findings.extend(weights_findings(&store)?);
    findings.extend(sample_findings(&store)?);
    for finding in &findings {
        println!("{finding}");
    }
    Ok(findings.iter().all(Finding::is_fine))
}

fn toolchain() -> Finding {
    let state = match first_line("cargo", &["--version"]) {
        Some(version) => State::Good(version),
        None => State::Missing("install a Rust toolchain with rustup".to_owned()),
    };
    Finding::new("Rust", state)
}

/// torch-sys compiles a few C++ files with the compiler that the `cc` crate finds: `CXX`, else `c++`.
fn compiler() -> Finding {
    let chosen = std::env::var("CXX").ok().filter(|name| !name.is_empty());
    let candidates: Vec<&str> = chosen.as_deref().map_or(vec!["c++", "g++", "clang++"], |name| vec![name]);
    let state = match candidates.iter().find_map(|name| first_line(name, &["--version"])) {
        Some(version) => State::Good(version),
        None => State::Missing("install a C++ compiler, such as the system's package g++ or clang".to_owned()),
    };
    Finding::new("C++ compiler", state)
}

fn package_index(index: &Index) -> Finding {
    let state = match index.url() {
        Ok(url) => State::Good(without_password(&url)),
        Err(error) => State::Missing(format!("{error:#}")),
    };
    Finding::new("package index", state)
}

fn disk(folder: &Path) -> Finding {
    let state = match free_bytes(folder) {
        Some(n) if n < NEEDED_BYTES => {
            State::Missing(format!("{} GB free: make room for {} GB", gb(n), gb(NEEDED_BYTES)))
        }
        Some(n) => State::Good(format!("{} GB free", gb(n))),
        None => State::Optional("the free space could not be asked for".to_owned()),
    };
    Finding::new("disk", state)
}

fn libtorch_finding(store: &Store) -> Result<Finding> {
    let wanted = &store.manifest.libtorch;
    let state = if let Some(users) = workspace::users_libtorch() {
        match libtorch::check_users(&users, &wanted.version) {
            Ok(Outcome::LeftAlone(text)) => State::Good(text),
            Ok(_) => State::Good(users.display().to_string()),
            Err(error) => State::Missing(format!("{error:#}")),
        }
    } else if cuda::is_here(store)? {
        State::Good(format!("{}, the CUDA build", wanted.version))
    } else if libtorch::is_here(store, wanted)? {
        State::Good(format!("{}, verified", wanted.version))
    } else {
        State::Missing("cargo xtask fetch".to_owned())
    };
    Ok(Finding::new("libtorch", state))
}

fn weights_findings(store: &Store) -> Result<Vec<Finding>> {
    let all = store.manifest.weights.iter();
    all.map(|(name, wanted)| {
        let is_here = store.is_here(&weights::kept_as(name), &wanted.sha256)?;
        let command = if wanted.default { "cargo xtask fetch".to_owned() } else { format!("cargo xtask fetch {name}") };
        Ok(Finding::new(name, state_of(is_here, wanted.default, command)))
    })
    .collect()
}

fn sample_findings(store: &Store) -> Result<Vec<Finding>> {
    let all = store.manifest.samples.iter();
    all.map(|(name, wanted)| {
        let is_here = store.is_here(&samples::kept_as(name), &wanted.sha256)?;
        Ok(Finding::new(name, state_of(is_here, false, format!("cargo xtask fetch --sample {name}"))))
    })
    .collect()
}

fn state_of(is_here: bool, is_needed: bool, command: String) -> State {
    match (is_here, is_needed) {
        (true, _) => State::Good("verified".to_owned()),
        (false, true) => State::Missing(command),
        (false, false) => State::Optional(command),
    }
}

fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// The fourth column of POSIX `df`: kilobytes that are free.
fn free_bytes(folder: &Path) -> Option<u64> {
    let output = Command::new("df").arg("-Pk").arg(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let kilobytes: u64 = text.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    Some(kilobytes * 1024)
}

fn gb(n_bytes: u64) -> u64 {
    n_bytes / 1_000_000_000
}

/// An index may carry credentials, which belong on no screen.
fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => url.to_owned(),
    }
}
