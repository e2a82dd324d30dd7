//! A working folder with made photos, and the binary run in it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use image::{Rgb, RgbImage};
use tempfile::TempDir;

/// A working folder of its own, removed at the end.
pub(crate) struct Work {
    dir: TempDir,
}

impl Work {
    pub(crate) fn new() -> Self {
        Self { dir: TempDir::new().unwrap() }
    }

    /// A folder of two classes that any network can tell apart.
    pub(crate) fn with_photos(n_per_class: usize) -> Self {
        let work = Self::new();
        for class in ["checks", "stripes"] {
            for i in 0..n_per_class {
                work.photo(&format!("photos/{class}/{i:03}.jpg"), class, i);
            }
        }
        work
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// Writes a made photo.
    pub(crate) fn photo(&self, inside: &str, class: &str, seed: usize) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let (shade, period) = ((seed * 37 % 100) as u8, 8 + seed as u32 % 9);
        let picture = RgbImage::from_fn(96 + seed as u32 % 40, 80, |x, y| {
            let on = if class == "checks" { (x / period + y / period) % 2 == 0 } else { x / period % 2 == 0 };
            if on { Rgb([200, 100 + shade, 40]) } else { Rgb([shade, 30, 90]) }
        });
        picture.save(&path).unwrap();
    }

    pub(crate) fn write(&self, inside: &str, bytes: &[u8]) {
        let path = self.path(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// `tl` with these arguments, to be run in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tl"));
        command
            .current_dir(self.dir.path())
            .args(args)
            .env_remove("TL_ASSETS")
            .env_remove("RUST_LOG")
            .env_remove("RANK")
            .env_remove("SLURM_PROCID");
        // Never the user's own.
        command.env("TL_CACHE", self.path("cache"));
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Run {
        Run::of(&mut self.command(args))
    }

    /// Runs and expects exit code 0.
    pub(crate) fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code(), 0, "tl {args:?}\n{}\n{}", run.stdout(), run.stderr());
        run
    }

    /// Trains a small head quickly.
    pub(crate) fn trained(&self) -> PathBuf {
        self.ok(&["train", "photos", "--hidden", "16", "--epochs", "4", "--name", "run"]);
        self.path("runs/run")
    }

    pub(crate) fn json(&self, inside: &str) -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(self.path(inside)).unwrap()).unwrap()
    }
}

/// What a run of `tl` left behind.
pub(crate) struct Run {
    output: Output,
}

impl Run {
    pub(crate) fn of(command: &mut Command) -> Self {
        Self { output: command.output().unwrap() }
    }

    pub(crate) fn code(&self) -> i32 {
        self.output.status.code().unwrap_or(-1)
    }

    pub(crate) fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.output.stdout).into_owned()
    }

    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

/// The numbers of a model's tensors whose name starts with `prefix`, without the text around them.
pub(crate) fn tensor_bytes(model: &Path, prefix: &str) -> Vec<(String, Vec<u8>)> {
    let bytes = std::fs::read(model).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut found: Vec<_> =
        tensors.iter().filter(|(n, _)| n.starts_with(prefix)).map(|(n, t)| (n.to_owned(), t.data().to_vec())).collect();
    found.sort();
    assert!(!found.is_empty(), "no tensor {prefix}* in {}", model.display());
    found
}

/// A sample that `cargo xtask fetch` brings.
pub(crate) fn sample(inside: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/samples").join(inside);
    assert!(path.exists(), "{} is missing: run `cargo xtask fetch`", path.display());
    path.display().to_string()
}
