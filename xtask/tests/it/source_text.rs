//! What our sources must not hold, read from their text.

use std::path::{Path, PathBuf};

use xtask::workspace;

/// Libraries return what they have to say, and are told what they have to know.
const NOT_IN_LIBRARIES: [&str; 9] =
    ["println!", "print!(", "eprintln!", "eprint!(", "dbg!(", "env::var", "anyhow", "ctrlc", "process::exit"];
const UNSAFE: [&str; 5] = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"];
const MAX_LINES: usize = 450;

struct Source {
    name: String,
    text: String,
}

/// The Rust files below some folders of each crate.
fn sources(folders: &[&str]) -> Vec<Source> {
    let root = workspace::root();
    let crates = fs_err::read_dir(root.join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let crates: Vec<PathBuf> = crates.chain([root.join("xtask")]).collect();
    let mut found = Vec::new();
    for folder in crates.iter().flat_map(|home| folders.iter().map(|folder| home.join(folder))) {
        collect(&folder, &root, &mut found);
    }
    assert!(found.len() > 20, "the sources are not where this test looks for them");
    found
}

fn collect(folder: &Path, root: &Path, found: &mut Vec<Source>) {
    for entry in fs_err::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.push(Source { name, text: fs_err::read_to_string(&path).unwrap() });
        }
    }
}

impl Source {
    fn is_in(&self, home: &str) -> bool {
        self.name.starts_with(home)
    }

    fn is_library(&self) -> bool {
        self.is_in("crates/") && !self.is_in("crates/tl-cli/")
    }

    /// The lines that are compiled into the crate: no comments, no tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let lines = self.text[..end].lines().enumerate().map(|(i, line)| (i + 1, line.trim_start()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }

    fn assert_without(&self, words: &[&str], why: &str) {
        for (number, line) in self.code() {
            for word in words {
                assert!(!line.contains(word), "{}:{number} has `{word}`: {why}", self.name);
            }
        }
    }
}

#[test]
fn libraries_do_not_print_nor_read_the_environment_nor_catch_signals() {
    for source in sources(&["src"]).iter().filter(|source| source.is_library()) {
        source.assert_without(&NOT_IN_LIBRARIES, "only tl-cli and xtask may");
    }
}

#[test]
fn only_tl_torch_and_tl_kernels_have_unsafe_code() {
    let may = |source: &&Source| source.is_in("crates/tl-torch/") || source.is_in("crates/tl-kernels/src/x86/");
    for source in sources(&["src"]).iter().filter(|source| !may(source)) {
        source.assert_without(&UNSAFE, "it belongs into tl-torch or tl-kernels, behind a safe function");
    }
}

#[test]
fn error_enums_of_libraries_can_grow() {
    let mut n_enums = 0;
    for source in sources(&["src"]).iter().filter(|source| source.is_library()) {
        let code: Vec<(usize, &str)> = source.code().collect();
        for (at, (number, line)) in code.iter().enumerate() {
            if line.starts_with("pub enum ") && line.contains("Error") {
                let attributes = code[..at].iter().rev().take_while(|(_, line)| line.starts_with("#["));
                let is_open = attributes.into_iter().any(|(_, line)| line.contains("non_exhaustive"));
                assert!(is_open, "{}:{number}: an error enum is #[non_exhaustive]", source.name);
                n_enums += 1;
            }
        }
    }
    assert!(n_enums > 0, "no error enum was found");
}

#[test]
fn no_file_is_too_long_to_be_read_at_once() {
    for source in sources(&["src", "tests", "benches", "examples"]) {
        let n_lines = source.text.lines().count();
        assert!(n_lines <= MAX_LINES, "{} has {n_lines} lines: cut it where it has a joint", source.name);
    }
}
