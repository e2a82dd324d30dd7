//! A Python environment with the peers, and the networks as they want them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use fs_err as fs;

use crate::workspace;

/// Builds the environment in `home` from `xtask/peers/requirements.txt`, unless it is there already, and names its
/// Python.
pub(super) fn prepare(home: &Path) -> Result<PathBuf> {
    let (folder, wanted) = (home.join("venv"), workspace::root().join("xtask/peers/requirements.txt"));
    let (python, done) = (folder.join("bin/python"), folder.join("requirements.txt"));
    let is_current = fs::read(&done).is_ok_and(|have| fs::read(&wanted).is_ok_and(|wanted| have == wanted));
    if !is_current {
        eprintln!("Building {} (several GB; once)", folder.display());
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&wanted))?;
        fs::copy(&wanted, &done)?;
    }
    Ok(python)
}

/// The folder of the networks as ONNX, written once.
pub(super) fn models(python: &Path, home: &Path) -> Result<PathBuf> {
    let folder = home.join("models");
    if !folder.join("mobilenet_v2.onnx").exists() {
        run(Command::new(python).arg(workspace::root().join("xtask/peers/prepare.py")).arg(&folder))?;
    }
    Ok(folder)
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?} cannot be run"))?;
    if !status.success() {
        bail!("{command:?} failed");
    }
    Ok(())
}
