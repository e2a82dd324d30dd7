//! Whole processes: `tl` as a user starts it.

use std::{
    env,
    ffi::OsStr,
    io,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Result, bail};
use serde::Serialize;
use wait4::Wait4;

use super::spread::Spread;

/// What a process takes from its start to its end.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) wall_ms: Spread,
    pub(super) cpu_ms: Spread,
    pub(super) peak_memory_mib: Spread,
}

/// Runs this program `runs` times with `args`.
pub(super) fn measure(name: &str, args: &[impl AsRef<OsStr>], runs: u32) -> Result<Process> {
    let program = env::current_exe()?;
    let mut measured = Vec::new();
    for _ in 0..runs {
        let start = Instant::now();
        let mut child = Command::new(&program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let said = child.stderr.take().map(io::read_to_string).transpose()?.unwrap_or_default();
        let used = child.wait4()?;
        if !used.status.success() {
            bail!("{name} failed: {}", said.trim().trim_start_matches("error: "));
        }
        measured.push((start.elapsed(), used.rusage));
    }
    Ok(Process {
        name: name.to_owned(),
        wall_ms: Spread::of(measured.iter().map(|(wall, _)| wall.as_secs_f64() * 1e3)),
        cpu_ms: Spread::of(measured.iter().map(|(_, used)| (used.utime + used.stime).as_secs_f64() * 1e3)),
        peak_memory_mib: Spread::of(measured.iter().map(|(_, used)| used.maxrss as f64 / f64::from(1 << 20))),
    })
}
