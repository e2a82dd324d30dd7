//! One stage on all cores.

use std::{
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;
use serde::Serialize;

use super::spread::Spread;

/// What one stage of the pipeline costs.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stage {
    pub(super) name: String,
    /// On all cores.
    pub(super) photos_per_s: Spread,
    /// Processor time on any core; none where the system does not tell.
    pub(super) cpu_ms_per_photo: Option<Spread>,
}

/// One time that a stage was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Round {
    pub(super) photos_per_s: f64,
    pub(super) cpu_ms_per_photo: Option<f64>,
}

impl Stage {
    pub(super) fn new(name: &str, rounds: &[Round]) -> Self {
        let cpu: Option<Vec<f64>> = rounds.iter().map(|round| round.cpu_ms_per_photo).collect();
        Self {
            name: name.to_owned(),
            photos_per_s: Spread::of(rounds.iter().map(|round| round.photos_per_s)),
            cpu_ms_per_photo: cpu.map(Spread::of),
        }
    }
}

/// Runs what `make` makes on `n_threads` at once, again and again for `duration`. Each call returns how many photos
/// it worked on; what `make` itself does is not counted.
pub(super) fn measure<W: FnMut() -> Result<usize>>(
    n_threads: usize,
    duration: Duration,
    make: impl Fn(usize) -> Result<W> + Sync,
) -> Result<Round> {
    let barrier = Barrier::new(n_threads);
    let one = |thread: usize| -> Result<(f64, f64, Option<f64>)> {
        tl_torch::set_intra_op_threads(1);
        let work = make(thread);
        // All wait for all before any may fail.
        barrier.wait();
        let mut work = work?;
        let (start, cpu_start) = (Instant::now(), thread_cpu());
        let mut n_photos = 0;
        while n_photos == 0 || start.elapsed() < duration {
            n_photos += work()?;
        }
        let cpu = thread_cpu().zip(cpu_start).map(|(end, start)| end.saturating_sub(start).as_secs_f64() * 1e3);
        Ok((n_photos as f64, start.elapsed().as_secs_f64(), cpu))
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads)
            .map(|i| {
                scope.spawn({
                    let one = &one;
                    move || one(i)
                })
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let results = results.into_iter().collect::<Result<Vec<_>>>()?;
    let n_photos: f64 = results.iter().map(|(n, ..)| n).sum();
    let cpu: Option<f64> = results.iter().map(|(.., cpu)| *cpu).sum();
    Ok(Round {
        photos_per_s: results.iter().map(|(n, seconds, _)| n / seconds).sum(),
        cpu_ms_per_photo: cpu.map(|ms| ms / n_photos),
    })
}

/// Processor time of the calling thread.
#[cfg_attr(unix, allow(clippy::unnecessary_wraps, reason = "other systems do not tell"))]
fn thread_cpu() -> Option<Duration> {
    #[cfg(unix)]
    {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        Some(Duration::new(now.tv_sec as u64, now.tv_nsec as u32))
    }
    #[cfg(not(unix))]
    None
}
