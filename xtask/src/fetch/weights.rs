//! Pretrained weights: the published file is converted once and kept as safetensors.

use anyhow::{Result, ensure};

use super::{Outcome, Store, first_of, mismatch};
use crate::convert::convert;
use crate::files;
use crate::hash::sha256_of_bytes;
use crate::progress::Task;

/// Fetches the weights `name`, which the manifest knows.
///
/// # Errors
/// Weights that no source gave as pinned, or that cannot be written.
pub fn fetch(store: &Store, name: &str, task: &Task) -> Result<Outcome> {
    let weights = &store.manifest.weights[name];
    let kept = kept_as(name);
    if store.is_here(&kept, &weights.sha256)? {
        return Ok(Outcome::AlreadyHere);
    }
    let staging = store.staging()?;
    first_of(&weights.source, |source| {
        let raw = store.place.bring_file(source, staging.path(), task)?;
        task.note("converting");
        let converted = convert(weights.format, &fs_err::read(raw)?)?;
        let found = sha256_of_bytes(&converted);
        ensure!(found == weights.sha256, "{}", mismatch("the converted weights", &found, &weights.sha256));
        files::write(&store.data.join(&kept), &converted)
    })?;
    store.memory.sha256(&kept)?;
    Ok(Outcome::Fetched(None))
}

/// Where weights are kept below the data folder.
#[must_use]
pub fn kept_as(name: &str) -> String {
    format!("weights/{name}.safetensors")
}
