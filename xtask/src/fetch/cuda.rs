//! libtorch for CUDA: the whole wheel, and the NVIDIA packages that its metadata lists.
//!
//! The manifest pins the wheel; the metadata inside of it pins the versions of the others, and the index their hashes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::requirement::{Requirement, numbers};
use super::{Outcome, Store, libtorch};
use crate::files;
use crate::hash::sha256;
use crate::index::IndexFile;
use crate::manifest::{Package, Source};
use crate::progress::Task;

/// Requirements of requirements go three deep today.
const MAX_ROUNDS: usize = 10;
/// Lies beside the libraries and says that they are the CUDA build's: their hash, then the packages they came from.
const MARKER: &str = "cuda-packages";

/// Fetches the CUDA build in place of the CPU's, unless the user has a libtorch of their own.
///
/// # Errors
/// A libtorch of the user's that is none, or of another version; wheels that cannot be found, brought, verified or
/// written.
pub fn fetch(store: &Store, users: Option<&Path>, task: &Task) -> Result<Outcome> {
    let version = &store.manifest.libtorch.version;
    if let Some(users) = users {
        return libtorch::check_users(users, version);
    }
    if is_here(store)? {
        return Ok(Outcome::AlreadyHere);
    }
    let wheels = wheels(store, task)?;
    let staging = store.staging()?;
    let folder = staging.path().join(libtorch::FOLDER);
    for wheel in wheels.values() {
        store.place.bring_wheel(wheel, target, &folder, task)?;
    }
    let hash = sha256(&folder.join("lib"))?;
    let names: Vec<&str> = wheels.values().map(|wheel| wheel.name.as_str()).collect();
    files::write(&folder.join(MARKER), format!("{hash}\n{}\n", names.join("\n")).as_bytes())?;
    files::write(&folder.join("build-version"), format!("{version}\n").as_bytes())?;
    files::replace(&folder, &store.data.join(libtorch::FOLDER))?;
    is_here(store)?;
    Ok(Outcome::Fetched(None))
}

/// Whether the CUDA build is here as it was fetched.
///
/// # Errors
/// As [`Store::is_here`].
pub fn is_here(store: &Store) -> Result<bool> {
    let Ok(marker) = fs_err::read_to_string(store.data.join(libtorch::FOLDER).join(MARKER)) else { return Ok(false) };
    store.is_here(&format!("{}/lib", libtorch::FOLDER), marker.lines().next().unwrap_or_default())
}

fn torch_wheel(store: &Store) -> Result<IndexFile> {
    let sources = store.manifest.libtorch.archive.iter().flat_map(|archive| &archive.source);
    let mut packages = sources.filter_map(|source| match source {
        Source::Index(package) if package.project == "torch" => Some(package),
        _ => None,
    });
    let Package { project, file, sha256, .. } = packages.next().context("the manifest names no wheel of torch")?;
    let mut wheel = store.place.index.find(&store.place.net, project, file)?;
    wheel.sha256 = Some(sha256.clone());
    Ok(wheel)
}

/// The wheel of torch and every NVIDIA wheel that it needs, directly or through another, by project.
///
/// A project may be required by several others, loosely by one and exactly by another. So the requirements of all
/// that is chosen are gathered first, then the wheels are chosen again, until nothing changes.
///
/// # Errors
/// A manifest without a wheel of torch, an index that cannot be read or lacks a wheel, or requirements that contradict
/// each other.
pub fn wheels(store: &Store, task: &Task) -> Result<BTreeMap<String, IndexFile>> {
    let torch = torch_wheel(store)?;
    let mut metadata = BTreeMap::new();
    let mut chosen = BTreeMap::from([("torch".to_owned(), torch.clone())]);
    for _ in 0..MAX_ROUNDS {
        for wheel in chosen.values() {
            if !metadata.contains_key(&wheel.name) {
                metadata.insert(wheel.name.clone(), Requirement::all(&read_metadata(store, wheel, task)?));
            }
        }
        let mut next = BTreeMap::from([("torch".to_owned(), torch.clone())]);
        for (project, wanted) in gather(&chosen, &metadata) {
            next.insert(project.to_owned(), newest(store, project, &wanted)?);
        }
        if next == chosen {
            return Ok(chosen);
        }
        chosen = next;
    }
    bail!("the requirements of torch's wheel contradict each other")
}

/// What the chosen wheels require of NVIDIA's projects, given the extras that they ask each other for.
fn gather<'a>(
    chosen: &BTreeMap<String, IndexFile>,
    metadata: &'a BTreeMap<String, Vec<Requirement>>,
) -> BTreeMap<&'a str, Vec<&'a Requirement>> {
    let all = || chosen.iter().flat_map(|(project, wheel)| metadata[&wheel.name].iter().map(move |one| (project, one)));
    let mut extras: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (_, requirement) in all() {
        extras.entry(&requirement.project).or_default().extend(requirement.extras.iter().cloned());
    }
    let none = BTreeSet::new();
    let mut wanted: BTreeMap<&str, Vec<&Requirement>> = BTreeMap::new();
    for (project, requirement) in all() {
        let asked = extras.get(project.as_str()).unwrap_or(&none);
        if is_nvidia(&requirement.project) && requirement.applies(asked) {
            wanted.entry(&requirement.project).or_default().push(requirement);
        }
    }
    wanted
}

fn is_nvidia(project: &str) -> bool {
    project == "cuda-toolkit" || project.starts_with("nvidia-")
}

fn read_metadata(store: &Store, wheel: &IndexFile, task: &Task) -> Result<String> {
    let staging = store.staging()?;
    let wanted = |member: &str| member.ends_with(".dist-info/METADATA").then(|| "METADATA".to_owned());
    store.place.bring_ranges(wheel, wanted, staging.path(), task)?;
    Ok(fs_err::read_to_string(staging.path().join("METADATA"))?)
}

/// The newest wheel for this system that all of the requirements allow.
fn newest(store: &Store, project: &str, wanted: &[&Requirement]) -> Result<IndexFile> {
    let files = store.place.index.files(&store.place.net, project)?;
    let fitting = files.into_iter().filter_map(|file| {
        let version = wheel_version(&file.name)?;
        let is_allowed = wanted.iter().all(|requirement| requirement.allows(version));
        is_allowed.then_some((numbers(version)?, file))
    });
    let newest = fitting.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, file)| file);
    newest.with_context(|| format!("the package index has no wheel of {project} that torch allows"))
}

/// The version in the name of a wheel that runs on Linux on x86-64: `project-version-python-abi-platform.whl`.
fn wheel_version(name: &str) -> Option<&str> {
    let parts: Vec<&str> = name.strip_suffix(".whl")?.split('-').collect();
    let platform = parts.last()?;
    let fits = *platform == "any" || (platform.contains("linux") && platform.ends_with("x86_64"));
    parts.get(1).copied().filter(|_| fits)
}

/// Shared libraries go to `lib`, torch's headers to `include`; the bindings for Python are left out.
fn target(member: &str) -> Option<String> {
    if let Some(header) = member.strip_prefix("torch/include/") {
        return Some(format!("include/{header}"));
    }
    let (folder, name) = member.rsplit_once('/')?;
    let is_library = folder.ends_with("/lib") && name.contains(".so") && name != "libtorch_python.so";
    is_library.then(|| format!("lib/{name}"))
}
