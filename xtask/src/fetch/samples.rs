//! Sample photos: `train/CLASS/*` and `test/CLASS/*` in a folder of their own.

use anyhow::Result;

use super::{Outcome, Store, first_of, verify};
use crate::files;
use crate::progress::Task;

/// Fetches the sample `name`, which the manifest knows.
///
/// A folder that is there and differs may hold photos of the user's: it is left alone.
///
/// # Errors
/// Photos that no source gave as pinned, or that cannot be written.
pub fn fetch(store: &Store, name: &str, task: &Task) -> Result<Outcome> {
    let sample = &store.manifest.samples[name];
    let kept = kept_as(name);
    if store.is_here(&kept, &sample.sha256)? {
        return Ok(Outcome::AlreadyHere);
    }
    let folder = store.data.join(&kept);
    if folder.exists() {
        let folder = folder.display();
        let why = format!("{folder} differs from the published photos and is left alone; remove it to fetch it again");
        return Ok(Outcome::LeftAlone(why));
    }
    first_of(&sample.source, |source| {
        let staging = store.staging()?;
        let photos = staging.path().join(name);
        fs_err::create_dir(&photos)?;
        store.place.bring_tree(source, &sample.pick, &photos, task)?;
        verify(&photos, &sample.sha256)?;
        files::replace(&photos, &folder)
    })?;
    store.memory.sha256(&kept)?;
    Ok(Outcome::Fetched(Some(sample.notice.clone())))
}

/// Where a sample is kept below the data folder.
#[must_use]
pub fn kept_as(name: &str) -> String {
    format!("samples/{name}")
}
