//! `tl bench data`.

use std::{
    fmt::Write,
    path::PathBuf,
    process::ExitCode,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use clap::ValueHint;
use tl_data::{DecodeOptions, Geometry, PhotoReader, Skipped, find_photos};

use super::n_threads;
use crate::{args::GlobalArgs, output, skipped};

/// Reads, decodes and resizes photos as training and predicting do, over and over.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchDataArgs {
    /// A folder of photos, nested as it may be
    #[arg(value_hint = ValueHint::DirPath)]
    dir: PathBuf,
    /// Seconds for each row of the table
    #[arg(long, value_name = "S", default_value_t = 3.0, value_parser = seconds)]
    seconds: f64,
    /// Photos to take at most, spread over the folder
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Network whose size and cut are made
    #[arg(long, value_name = "B", default_value = "mobilenet_v1")]
    backbone: String,
}

pub(crate) fn run(args: &BenchDataArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let geometry = tl_backbone::spec(&args.backbone)?.preprocessing.geometry;
    let (found, mut left_out) = find_photos(std::slice::from_ref(&args.dir))?;
    let step = found.len().div_ceil(args.n as usize).max(1);
    let (photos, broken) = readable(found.into_iter().step_by(step).collect(), geometry);
    left_out.extend(broken);
    skipped::say(&left_out, None);
    if photos.is_empty() {
        bail!("no photo in {} could be read", args.dir.display());
    }
    let all = n_threads(global);
    let duration = Duration::from_secs_f64(args.seconds);
    let mut timings = vec![measure(&photos, geometry, 1, duration)];
    if all > 1 {
        timings.push(measure(&photos, geometry, all, duration));
    }
    let side = geometry.side;
    let head = format!(
        "{} of {}, decoded and resized to {side}x{side}\n\n",
        skipped::plural(photos.len(), "photo"),
        args.dir.display()
    );
    output::result(&(head + &table(&timings)))?;
    Ok(ExitCode::SUCCESS)
}

/// One pass sorts out what cannot be read, and brings the files into memory.
pub(super) fn readable(photos: Vec<PathBuf>, geometry: Geometry) -> (Vec<PathBuf>, Vec<Skipped>) {
    let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
    let mut pixels = vec![0; geometry.n_bytes()];
    let (mut good, mut skipped) = (Vec::new(), Vec::new());
    for path in photos {
        match reader.read(&path, &mut pixels) {
            Ok(()) => good.push(path),
            Err(reason) => skipped.push(Skipped { path, reason }),
        }
    }
    (good, skipped)
}

/// What one row of the table is made of.
struct Timing {
    n_threads: usize,
    n_photos: usize,
    wall: Duration,
    cpu: Option<Duration>,
}

impl Timing {
    fn photos_per_s(&self) -> f64 {
        self.n_photos as f64 / self.wall.as_secs_f64()
    }
}

/// Goes round the photos on `n_threads` until the time is over; each thread ends with a whole photo.
fn measure(photos: &[PathBuf], geometry: Geometry, n_threads: usize, duration: Duration) -> Timing {
    let next = AtomicUsize::new(0);
    let (start, cpu_start) = (Instant::now(), process_cpu());
    let work = || {
        let mut reader = PhotoReader::new(geometry, DecodeOptions::default());
        let mut pixels = vec![0; geometry.n_bytes()];
        let mut n_read = 0;
        while start.elapsed() < duration {
            let path = &photos[next.fetch_add(1, Ordering::Relaxed) % photos.len()];
            // All of them could be read a moment ago.
            n_read += usize::from(reader.read(path, &mut pixels).is_ok());
        }
        n_read
    };
    let n_photos = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
    });
    let cpu = process_cpu().zip(cpu_start).map(|(end, start)| end.saturating_sub(start));
    Timing { n_threads, n_photos, wall: start.elapsed(), cpu }
}

/// Processor time of this process on all cores, where the system tells.
#[cfg_attr(unix, allow(clippy::unnecessary_wraps, reason = "other systems do not tell"))]
pub(super) fn process_cpu() -> Option<Duration> {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }
    #[cfg(not(unix))]
    None
}

fn table(timings: &[Timing]) -> String {
    let mut text = format!("{:>7}  {:>8}  {:>16}  {:>8}\n", "threads", "photos/s", "CPU ms per photo", "speed-up");
    let one = timings[0].photos_per_s();
    for timing in timings {
        let cpu = timing.cpu.map(|cpu| cpu.as_secs_f64() * 1e3 / timing.n_photos.max(1) as f64);
        let cpu = cpu.map_or_else(|| "unknown".to_owned(), |ms| format!("{ms:.2}"));
        let (rate, factor) = (timing.photos_per_s(), timing.photos_per_s() / one);
        let _ = writeln!(text, "{:>7}  {rate:>8.0}  {cpu:>16}  {factor:>8.2}", timing.n_threads);
    }
    text
}

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.01..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("give seconds from 0.01 to 3600".to_owned()),
    }
}
