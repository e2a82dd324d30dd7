//! Where things are in this checkout.

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
///
/// Cargo says it when it runs this program; the folder at compile time stands in when the program is run by hand.
#[must_use]
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).filter(|dir| dir.ends_with("xtask"));
    let here = here.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    here.parent().map(Path::to_owned).unwrap_or(here)
}

/// The folder that fetched things are kept in, unless another is named.
#[must_use]
pub fn data() -> PathBuf {
    root().join("data")
}

/// The manifest of what can be fetched.
#[must_use]
pub fn manifest() -> PathBuf {
    data().join("manifest.toml")
}

/// The libtorch that the user chose with `LIBTORCH`, if they did.
///
/// Cargo sets the variable too, to the workspace's own folder, as `.cargo/config.toml` says: that is no choice.
#[must_use]
pub fn users_libtorch() -> Option<PathBuf> {
    let chosen = std::env::var_os("LIBTORCH").filter(|path| !path.is_empty()).map(PathBuf::from)?;
    (!is_same(&chosen, &data().join("libtorch"))).then_some(chosen)
}

fn is_same(a: &Path, b: &Path) -> bool {
    a.components().eq(b.components()) || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
