//! One run of one contestant.

use std::{
    collections::BTreeMap,
    io::Read,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, Result};
use fs_err as fs;
use serde::Deserialize;
use serde_json::Value;
use wait4::Wait4;

use super::contest::{Answer, Contestant, Place};

/// What a run took and reached.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// From the start of the process to its end.
    pub(super) wall_s: f64,
    /// Of all cores, user and system.
    pub(super) cpu_s: f64,
    pub(super) peak_mib: f64,
    pub(super) results: Results,
}

/// What a contestant says of itself.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Results {
    /// On the validation photos, 0 to 1.
    pub(super) accuracy: Option<f64>,
    /// Photos per second of something that has a name.
    #[serde(default)]
    pub(super) rates: BTreeMap<String, f64>,
    /// Training loss of each epoch.
    #[serde(default)]
    pub(super) losses: Vec<f64>,
}

/// Runs it with `run` as its seed; what it printed, if it failed.
pub(super) fn measure(contestant: &Contestant, place: &Place, run: usize) -> Result<Result<Measured, String>> {
    let name = format!("{}-{run}", contestant.name.replace([' ', ','], "_"));
    let words: Vec<String> =
        contestant.words.iter().map(|w| w.replace("SEED", &run.to_string()).replace("RUN", &name)).collect();
    let errors = tempfile::NamedTempFile::new()?;
    let started = Instant::now();
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .env("TL_CACHE", place.runs.join("cache"))
        .env("TL_ASSETS", crate::workspace::data())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.reopen()?)
        .spawn()
        .with_context(|| format!("{} cannot be run", words[0]))?;
    let mut output = String::new();
    child.stdout.take().context("its output is piped")?.read_to_string(&mut output)?;
    let used = child.wait4()?;
    let wall_s = started.elapsed().as_secs_f64();
    if !used.status.success() {
        return Ok(Err(fs::read_to_string(errors.path())?));
    }
    let results = match contestant.answer {
        Answer::LastLine => serde_json::from_str(output.lines().last().unwrap_or_default())?,
        Answer::RunFolder => of_run(&place.runs.join(name))?,
        Answer::Bench => of_bench(&serde_json::from_str(&output)?),
    };
    let cpu_s = (used.rusage.utime + used.rusage.stime).as_secs_f64();
    Ok(Ok(Measured { wall_s, cpu_s, peak_mib: used.rusage.maxrss as f64 / f64::from(1 << 20), results }))
}

/// Epochs of a fine-tuning run that trained the head alone have a learning rate of zero; they are passed over.
fn of_run(folder: &Path) -> Result<Results> {
    let metrics: Value = serde_json::from_str(&fs::read_to_string(folder.join("metrics.json"))?)?;
    let history = fs::read_to_string(folder.join("history.csv"))?;
    let rows =
        history.lines().skip(1).map(|line| line.split(',').map(|cell| cell.parse().unwrap_or(f64::NAN)).collect());
    let rows: Vec<Vec<f64>> = rows.filter(|row: &Vec<f64>| row.len() > 6 && row[5] > 0.0).collect();
    let seconds: f64 = rows.iter().map(|row| row[6]).sum();
    let n_photos = metrics["n_train"].as_f64().context("metrics.json has no n_train")? * rows.len() as f64;
    let rates = [("training".to_owned(), n_photos / seconds)].into_iter().collect();
    Ok(Results { accuracy: metrics["val_accuracy"].as_f64(), rates, losses: rows.iter().map(|row| row[1]).collect() })
}

/// The best batch of each network, and the pipeline.
fn of_bench(report: &Value) -> Results {
    let mut rates = BTreeMap::new();
    let stages = ["stages", "pipeline"].into_iter().filter_map(|key| report[key].as_array()).flatten();
    for stage in stages {
        let (Some(name), Some(rate)) = (stage["name"].as_str(), stage["photos_per_s"]["median"].as_f64()) else {
            continue;
        };
        let name = name.split(", batch").next().unwrap_or(name);
        if name.starts_with("network") || name == "files to features" {
            let best = rates.entry(name.to_owned()).or_insert(rate);
            *best = rate.max(*best);
        }
    }
    Results { rates, ..Results::default() }
}
