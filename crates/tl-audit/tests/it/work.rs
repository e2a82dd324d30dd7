//! A folder of made photos, removed at the end.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use image::{Rgb, RgbImage};
use tempfile::TempDir;
use tl_audit::{Audit, AuditOptions, audit};
use tl_data::{Folder, ScanOptions, scan};

pub(crate) struct Work {
    dir: TempDir,
}

impl Work {
    /// `n` ordinary photos in each of two classes.
    pub(crate) fn with_photos(n: u32) -> Self {
        let work = Self { dir: TempDir::new().unwrap() };
        for i in 0..n {
            work.save(&format!("train/cat/{i}.png"), &scene(i, 360, 270));
            work.save(&format!("train/dog/{i}.png"), &scene(1000 + i, 360, 270));
        }
        work
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        let path = self.dir.path().join(inside);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    pub(crate) fn save(&self, inside: &str, picture: &RgbImage) {
        picture.save(self.path(inside)).unwrap();
    }

    pub(crate) fn write(&self, inside: &str, bytes: &[u8]) {
        std::fs::write(self.path(inside), bytes).unwrap();
    }

    pub(crate) fn copy(&self, from: &str, to: &str) {
        std::fs::copy(self.path(from), self.path(to)).unwrap();
    }

    pub(crate) fn folder(&self) -> Folder {
        scan(self.dir.path(), &ScanOptions::default()).unwrap()
    }

    pub(crate) fn audit(&self) -> Audit {
        self.audit_with(&AuditOptions::default())
    }

    pub(crate) fn audit_with(&self, options: &AuditOptions) -> Audit {
        audit(&self.folder(), options, &mut |_| {}, &AtomicBool::new(false)).unwrap()
    }

    /// Paths as the test wrote them.
    pub(crate) fn inside<'a>(&self, paths: impl IntoIterator<Item = &'a PathBuf>) -> Vec<String> {
        let inside = |path: &PathBuf| path.strip_prefix(self.dir.path()).unwrap().display().to_string();
        paths.into_iter().map(inside).collect()
    }
}

/// An ordinary photo: disks of many shades, sharp edges, nothing like that of another seed.
pub(crate) fn scene(seed: u32, width: u32, height: u32) -> RgbImage {
    let mut state = u64::from(seed) * 2 + 1;
    let mut random = move || {
        // The multiplier of Knuth's MMIX generator.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / f64::from(1 << 24)
    };
    let disks: Vec<[f64; 4]> = (0..40).map(|_| [random(), random(), random() * 0.2 + 0.03, random()]).collect();
    RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
        let inside = |disk: &&[f64; 4]| (u - disk[0]).hypot(v - disk[1]) < disk[2];
        let shade = disks.iter().rev().find(inside).map_or(0.5, |disk| disk[3]);
        Rgb([shade, 0.1 + shade * 0.7, 1.0 - shade].map(|channel| (channel * 255.0) as u8))
    })
}
