//! Where weights and samples are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use tl_backbone::{Spec, Weights};

use crate::args::GlobalArgs;

/// The folder with `weights` and `samples`: as asked, else that of the workspace that `tl` was built in.
pub(crate) fn folder(global: &GlobalArgs) -> PathBuf {
    if let Some(folder) = global.assets() {
        return folder;
    }
    let beside_binary = env::current_exe().ok().and_then(|exe| workspace_data(&exe));
    beside_binary.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data"))
}

/// The `data` folder of the workspace around `path`, if there is one.
fn workspace_data(path: &Path) -> Option<PathBuf> {
    path.ancestors().map(|folder| folder.join("data")).find(|data| data.join("manifest.toml").is_file())
}

/// Opens the pretrained weights of a backbone.
pub(crate) fn weights(global: &GlobalArgs, spec: &'static Spec) -> Result<Weights> {
    let path = weight_file(global, spec);
    if !path.is_file() {
        bail!(
            "the weights of {} are not at {}; fetch them with `cargo xtask fetch {}`, or say where they are with --assets",
            spec.name,
            path.display(),
            spec.name
        );
    }
    Ok(Weights::open(&path, spec)?)
}

fn weight_file(global: &GlobalArgs, spec: &Spec) -> PathBuf {
    folder(global).join("weights").join(spec.file)
}

/// Checks that the file of a pretrained network has the hash that its weights are known by.
pub(crate) fn verify(global: &GlobalArgs, spec: &Spec) -> Result<()> {
    let path = weight_file(global, spec);
    if !spec.is_published(&path)? {
        bail!("{} is damaged: it has not the hash of the published weights; fetch it again", path.display());
    }
    Ok(())
}

/// The sample that is trained on when no folder is named.
pub(crate) fn default_sample(global: &GlobalArgs) -> Result<PathBuf> {
    let path = folder(global).join("samples").join("pizza_steak_sushi");
    if !path.is_dir() {
        bail!(
            "no folder of photos was named, and the sample is not at {}; name one (`tl train PHOTOS`), or fetch the \
             sample with `cargo xtask fetch`",
            path.display()
        );
    }
    Ok(path)
}
