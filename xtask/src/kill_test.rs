//! `cargo xtask kill-test`: fine-tuning that is killed again and again ends in the bits of a run that was not.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};

/// How to kill.
#[derive(Debug, Clone, clap::Args)]
pub struct KillOptions {
    /// The program to test, built by `cargo build --release -p tl-cli`.
    #[arg(long, default_value = "target/release/tl")]
    program: PathBuf,
    /// Photos to train on.
    #[arg(long, default_value = "data/samples/dogs_cats/test")]
    data: PathBuf,
    /// How often to kill.
    #[arg(long, default_value_t = 30)]
    kills: usize,
}

/// Trains once without trouble, then again and again with a `kill -9` at random moments, each followed by `--resume`;
/// true if all models hold the same numbers.
///
/// # Errors
/// A program or photos that are not there, a run that fails without kills, or one that cannot be resumed.
pub fn run(options: &KillOptions) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    let whole = train(options, folder.path(), "whole")?;
    let started = SystemTime::now();
    if !spawn(&whole)?.wait()?.success() {
        bail!("the run without kills failed; try it by hand: {whole:?}");
    }
    let took = started.elapsed()?;
    println!("A run without kills takes {:.1} s.", took.as_secs_f64());

    let wanted = numbers(&folder.path().join("whole"))?;
    let (mut n_killed, mut n_runs) = (0, 0);
    while n_killed < options.kills {
        n_runs += 1;
        let name = format!("cut-{n_runs}");
        n_killed += cut(options, folder.path(), &name, took, options.kills - n_killed)?;
        if numbers(&folder.path().join(&name))? != wanted {
            println!("After {n_killed} kills run {n_runs} ended with ANOTHER MODEL.");
            return Ok(false);
        }
    }
    println!("After {n_killed} kills of {n_runs} runs every model is the same, bit by bit.");
    Ok(true)
}

/// A run that is killed at random moments, `most` times at most, until it is done; how often that was.
fn cut(options: &KillOptions, folder: &Path, name: &str, took: Duration, most: usize) -> Result<usize> {
    let run = folder.join(name);
    let mut n_killed = 0;
    // Moments within the first half of a run, so that most runs have made a step and few are at their end.
    while n_killed < most && !run.join("model.safetensors").exists() {
        let next = match run.join("config.toml").exists() {
            true => resume(options, &run),
            false => train(options, folder, name)?,
        };
        let mut child = spawn(&next)?;
        thread::sleep(took.mul_f64(0.05 + 0.45 * random(n_killed as u64)));
        // The child may have ended meanwhile: then there is nothing to kill, and it must have gone well.
        match child.try_wait()? {
            Some(status) if !status.success() => bail!("a run that was killed {n_killed} times cannot go on: {status}"),
            Some(_) => {}
            None => {
                child.kill()?;
                child.wait()?;
                n_killed += 1;
            }
        }
        if !run.join("config.toml").exists() {
            let _ = fs_err::remove_dir_all(&run);
        }
    }
    if !run.join("model.safetensors").exists() && !spawn(&resume(options, &run))?.wait()?.success() {
        bail!("a run that was killed {n_killed} times cannot be resumed");
    }
    Ok(n_killed)
}

/// Words of a command.
type Words = Vec<String>;

fn train(options: &KillOptions, folder: &Path, name: &str) -> Result<Words> {
    let data = fs_err::canonicalize(&options.data)?;
    let settings = "--recipe finetune --backbone v3_small --epochs 6 --batch-size 4 --val-fraction 0.25";
    let mut words =
        [options.program.as_path(), Path::new("train"), data.as_path()].map(|word| word.display().to_string()).to_vec();
    words.extend(settings.split(' ').map(str::to_owned));
    words.extend(["--checkpoint-steps", "1", "--no-cache", "--quiet", "--name", name, "--out"].map(str::to_owned));
    words.push(folder.display().to_string());
    Ok(words)
}

fn resume(options: &KillOptions, run: &Path) -> Words {
    let words = [options.program.as_path(), Path::new("train"), Path::new("--quiet"), Path::new("--resume"), run];
    words.iter().map(|word| word.display().to_string()).collect()
}

fn spawn(words: &[String]) -> Result<std::process::Child> {
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).stdout(Stdio::null());
    command
        .spawn()
        .with_context(|| format!("{} cannot be run; build it with `cargo build --release -p tl-cli`", words[0]))
}

/// The numbers of a run's model, without the header, which names the command.
fn numbers(run: &Path) -> Result<Vec<u8>> {
    let bytes = fs_err::read(run.join("model.safetensors"))?;
    let header = bytes.get(..8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let start = header.and_then(|n| usize::try_from(n).ok()).map(|n| n + 8).filter(|start| *start < bytes.len());
    Ok(bytes[start.context("the model is no safetensors file")?..].to_vec())
}

/// A number from 0 to 1 that differs from run to run.
fn random(i: u64) -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
    let mixed = (now ^ i.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xD134_2543_DE82_EF95);
    (mixed >> 40) as f64 / (1u64 << 24) as f64
}
