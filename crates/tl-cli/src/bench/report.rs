//! What `tl bench` has measured, and its table.

use std::fmt::Write;

use serde::Serialize;

use super::{bound::Bound, machine::MIN_PHOTOS, process::Process, spread::Spread, stage::Stage};

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) format: u32,
    pub(super) backbone: &'static str,
    pub(super) n_threads: usize,
    pub(super) n_photos: usize,
    /// Arithmetic of the pipeline.
    pub(super) precision: &'static str,
    pub(super) processes: Vec<Process>,
    pub(super) stages: Vec<Stage>,
    /// From files to features: nothing known, and everything known.
    pub(super) pipeline: Vec<Stage>,
    pub(super) bound: Option<Bound>,
    /// Forward and backward of the notebook's head on one thread, batches of 32.
    pub(super) head_step_ms: Spread,
}

impl Report {
    /// The table.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "{} photos, {}, {} threads; median (smallest to largest)\n\n{:<30} {:>26} {:>26}\n",
            self.n_photos, self.backbone, self.n_threads, "", "photos/s", "CPU ms per photo"
        );
        for stage in self.stages.iter().chain(&self.pipeline) {
            let cpu = stage.cpu_ms_per_photo.map_or_else(|| "unknown".to_owned(), |cpu| cpu.to_string());
            let _ = writeln!(text, "{:<30} {:>26} {cpu:>26}", stage.name, stage.photos_per_s.to_string());
        }
        let _ = match &self.bound {
            Some(bound) => writeln!(
                text,
                "\nFiles to features could reach {:.0} photos/s in {}, all cores busy; {:.0} % of it is reached",
                bound.photos_per_s,
                self.precision,
                bound.fraction_reached * 100.0
            ),
            None => writeln!(
                text,
                "\nHow many photos/s files to features could reach takes CPU times and at least {MIN_PHOTOS} photos to say"
            ),
        };
        let _ = writeln!(text, "A step of the notebook's head, 32 photos, one thread: {} ms", self.head_step_ms);
        for process in &self.processes {
            let _ = writeln!(
                text,
                "{}: {} ms, CPU {} ms, peak memory {} MiB",
                process.name, process.wall_ms, process.cpu_ms, process.peak_memory_mib
            );
        }
        text
    }
}
