//! libtorch for the CPU, assembled from the few libraries and headers that are needed of much larger packages.

use std::path::Path;
use std::thread;

use anyhow::{Context, Result, bail, ensure};

use super::{Outcome, Store, cuda, first_of, verify};
use crate::files;
use crate::manifest::{Archive, Libtorch};
use crate::progress::Task;

/// The folder below the data folder; `.cargo/config.toml` names it too.
pub const FOLDER: &str = "libtorch";

/// Fetches libtorch, unless the user has one of their own, whose version is checked, or fetched the CUDA build.
///
/// # Errors
/// A libtorch of the user's that is none, or of another version; a system that is not in the manifest; an archive that
/// no source gave; a folder that cannot be written.
pub fn fetch(store: &Store, users: Option<&Path>, task: &Task) -> Result<Outcome> {
    let libtorch = &store.manifest.libtorch;
    if let Some(users) = users {
        return check_users(users, &libtorch.version);
    }
    if cuda::is_here(store)? {
        return Ok(Outcome::LeftAlone(
            "already here, the CUDA build; remove data/libtorch to go back to the CPU's".into(),
        ));
    }
    ensure!(
        cfg!(all(target_os = "linux", target_arch = "x86_64")),
        "only Linux on x86-64 is in the manifest: set LIBTORCH to a libtorch {} of your own",
        libtorch.version
    );
    if is_here(store, libtorch)? {
        return Ok(Outcome::AlreadyHere);
    }
    let missing = missing(store, libtorch)?;
    thread::scope(|scope| {
        let workers: Vec<_> = missing.into_iter().map(|archive| scope.spawn(|| bring(store, archive, task))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a download ended badly")))
    })?;
    finish(store, libtorch)?;
    Ok(Outcome::Fetched(None))
}

/// Whether everything of libtorch is here and is what the manifest says.
///
/// # Errors
/// As [`Store::is_here`].
pub fn is_here(store: &Store, libtorch: &Libtorch) -> Result<bool> {
    let folder = store.data.join(FOLDER);
    let has_links = libtorch.links.keys().all(|link| folder.join(link).exists());
    Ok(has_links
        && version(&folder).is_ok_and(|found| found == libtorch.version)
        && missing(store, libtorch)?.is_empty())
}

/// Compares the version of a libtorch of the user's own with the one that is needed.
///
/// # Errors
/// A folder that is no libtorch, or has another version.
pub fn check_users(folder: &Path, wanted: &str) -> Result<Outcome> {
    let folder_name = folder.display();
    let found = version(folder).with_context(|| {
        format!("LIBTORCH is {folder_name}, which is no libtorch: unset it, or name the folder of libtorch {wanted}")
    })?;
    // A build may add what it was built for, as in 2.13.0+cpu.
    let is_wanted = found.split('+').next() == Some(wanted);
    ensure!(is_wanted, "LIBTORCH is {folder_name}, version {found}, but {wanted} is needed: unset it, or name another");
    Ok(Outcome::LeftAlone(format!("version {found} of LIBTORCH={folder_name} is used, nothing to fetch")))
}

fn version(folder: &Path) -> Result<String> {
    Ok(fs_err::read_to_string(folder.join("build-version"))?.trim().to_owned())
}

fn missing<'a>(store: &Store, libtorch: &'a Libtorch) -> Result<Vec<&'a Archive>> {
    let mut missing = Vec::new();
    for archive in &libtorch.archive {
        for (name, sha256) in &archive.sha256 {
            if !store.is_here(&format!("{FOLDER}/{name}"), sha256)? {
                missing.push(archive);
                break;
            }
        }
    }
    Ok(missing)
}

fn bring(store: &Store, archive: &Archive, task: &Task) -> Result<()> {
    first_of(&archive.source, |source| {
        let staging = store.staging()?;
        store.place.bring_tree(source, &archive.pick, staging.path(), task)?;
        task.note("checking");
        for (name, sha256) in &archive.sha256 {
            verify(&staging.path().join(name), sha256)?;
        }
        for name in archive.sha256.keys() {
            files::replace(&staging.path().join(name), &store.data.join(FOLDER).join(name))?;
            store.memory.sha256(&format!("{FOLDER}/{name}"))?;
        }
        Ok(())
    })
}

/// The version comes last: a folder with a version is whole.
fn finish(store: &Store, libtorch: &Libtorch) -> Result<()> {
    let folder = store.data.join(FOLDER);
    for (link, target) in &libtorch.links {
        make_link(&folder.join(link), target)?;
    }
    files::write(&folder.join("build-version"), format!("{}\n", libtorch.version).as_bytes())
}

#[cfg(unix)]
fn make_link(link: &Path, target: &str) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        fs_err::remove_file(link)?;
    }
    Ok(fs_err::os::unix::fs::symlink(target, link)?)
}

#[cfg(not(unix))]
fn make_link(link: &Path, target: &str) -> Result<()> {
    fs_err::copy(link.with_file_name(target), link)?;
    Ok(())
}
