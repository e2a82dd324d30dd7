//! Folders of photos to test with.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A small photo of the golden tests.
pub(crate) fn photo(name: &str) -> Vec<u8> {
    fs_err::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(name)).unwrap()
}

/// A folder that goes away at the end of the test.
pub(crate) struct Tree(TempDir);

impl Tree {
    /// Files with the same small photo; a name that ends in `/` is an empty folder.
    pub(crate) fn of(names: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        let bytes = photo("orientation1.jpg");
        for name in names {
            if name.ends_with('/') {
                fs_err::create_dir_all(tree.path(name)).unwrap();
            } else {
                tree.write(name, &bytes);
            }
        }
        tree
    }

    pub(crate) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, bytes).unwrap();
    }

    /// Paths below the root, with `/`.
    pub(crate) fn names<'a>(&self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(self.root()).unwrap().to_string_lossy().replace('\\', "/");
        paths.into_iter().map(name).collect()
    }
}
