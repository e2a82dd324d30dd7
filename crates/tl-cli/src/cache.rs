//! The feature cache: where it is, and `tl cache`.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use clap::Subcommand;
use serde_json::json;
use tl_features::{Cache, CacheSpace};

use crate::{EXIT_CHECK_FAILED, args::GlobalArgs, output, skipped::plural, terminal};

/// What to do with the features that are kept.
#[derive(Debug, clap::Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    command: CacheCommand,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Say where the cache is and what is in it
    Ls {
        /// Write it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Check every row against its checksum and remove what is damaged; exit code 1 if there was any
    Verify,
    /// Remove the rows that were written first
    Prune {
        /// Bytes that may stay, as 5GB, 800MB or 1.5GiB
        #[arg(long, value_name = "SIZE", value_parser = size)]
        max_size: u64,
    },
    /// Remove all rows
    Clear,
}

pub(crate) fn run(args: &CacheArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let Some(cache) = found(global) else {
        bail!("there is no cache folder: HOME is not set; name one with --cache");
    };
    match args.command {
        CacheCommand::Ls { json } => {
            let spaces = cache.spaces()?;
            output::result(&if json { as_json(&cache, &spaces)? } else { as_text(&cache, &spaces) })?;
        }
        CacheCommand::Verify => {
            let checked = cache.verify()?;
            let (n_good, n_bad) = (checked.n_good, checked.n_damaged + checked.n_unknown);
            output::result(&match n_bad {
                0 => format!("{} as written\n", plural(n_good, "row")),
                _ => format!(
                    "{} as written; removed {} and {}\n",
                    plural(n_good, "row"),
                    plural(checked.n_damaged, "damaged row"),
                    plural(checked.n_unknown, "unknown file")
                ),
            })?;
            return Ok(ExitCode::from(if n_bad > 0 { EXIT_CHECK_FAILED } else { 0 }));
        }
        CacheCommand::Prune { max_size } => removed(&cache.prune(max_size)?)?,
        CacheCommand::Clear => {
            if let Some(file) = likeness_file(global).filter(|file| file.is_file()) {
                fs_err::remove_file(file)?;
            }
            removed(&cache.clear()?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The cache to use; none where that was asked for.
pub(crate) fn open(global: &GlobalArgs) -> Option<Cache> {
    if global.no_cache { None } else { found(global) }
}

/// The cache in its folder, which says when it has to be waited for.
fn found(global: &GlobalArgs) -> Option<Cache> {
    let cache = Cache::new(folder(global)?);
    Some(if global.quiet { cache } else { cache.on_wait(say_wait) })
}

fn say_wait(folder: &Path) {
    let folder = folder.display();
    let text = format!("Waiting for the feature cache in {folder}, which another tl uses; Ctrl-C ends the wait");
    if !terminal::is_taken() {
        output::note(&text);
    }
}

/// The file that keeps what photos look like; none where that was asked for.
pub(crate) fn likeness(global: &GlobalArgs) -> Option<PathBuf> {
    if global.no_cache { None } else { likeness_file(global) }
}

/// It lies beside the features.
fn likeness_file(global: &GlobalArgs) -> Option<PathBuf> {
    Some(folder(global)?.with_file_name("likeness"))
}

/// Says what kept the cache from being used.
pub(crate) fn say_problem(cache: Option<&Cache>) {
    if let Some(problem) = cache.and_then(Cache::problem) {
        output::careful("cache", &problem);
    }
}

/// Where features are kept: as asked, else `tl` in the folder that the platform has for such files.
pub(crate) fn folder(global: &GlobalArgs) -> Option<PathBuf> {
    global.cache().or_else(|| Some(platform_folder()?.join("tl"))).map(|folder| folder.join("features"))
}

/// The XDG base directories; elsewhere than on Linux what takes their place.
fn platform_folder() -> Option<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let in_home = |inside| absolute("HOME").map(|home| home.join(inside));
    absolute("XDG_CACHE_HOME").or_else(|| match env::consts::OS {
        "windows" => absolute("LOCALAPPDATA"),
        "macos" => in_home("Library/Caches"),
        _ => in_home(".cache"),
    })
}

fn removed(removed: &tl_features::Removed) -> Result<()> {
    output::result(&format!(
        "Removed {} ({}); {} left\n",
        plural(removed.n_rows, "row"),
        bytes(removed.n_bytes),
        bytes(removed.n_left_bytes)
    ))
}

fn as_json(cache: &Cache, spaces: &[CacheSpace]) -> Result<String> {
    let entry = |s: &CacheSpace| {
        json!({"name": s.name, "description": s.description, "n_rows": s.n_rows, "n_bytes": s.n_bytes,
            "newest_seconds": s.newest_seconds})
    };
    let document =
        json!({"folder": cache.folder().to_string_lossy(), "spaces": spaces.iter().map(entry).collect::<Vec<_>>()});
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn as_text(cache: &Cache, spaces: &[CacheSpace]) -> String {
    let folder = cache.folder().display();
    if spaces.is_empty() {
        return format!("{folder} holds no features\n");
    }
    let line = |s: &CacheSpace| {
        let (size, age) = (bytes(s.n_bytes), age(s.newest_seconds));
        format!("{:>9} rows {size:>9}  written {age:>10}  {} ({})\n", s.n_rows, s.description, s.name)
    };
    let total = bytes(spaces.iter().map(|s| s.n_bytes).sum());
    format!("{folder}, {total}\n{}", spaces.iter().map(line).collect::<String>())
}

/// How long ago, in the largest unit that fits.
fn age(seconds: u64) -> String {
    if seconds == 0 {
        return "never".to_owned();
    }
    let then = UNIX_EPOCH + Duration::from_secs(seconds);
    let since = SystemTime::now().duration_since(then).map_or(0, |since| since.as_secs());
    match since {
        0..120 => "just now".to_owned(),
        120..7200 => format!("{} min ago", since / 60),
        7200..172_800 => format!("{} h ago", since / 3600),
        _ => format!("{} days ago", since / 86_400),
    }
}

/// `1.5 GB`: three digits are enough for people.
fn bytes(n: u64) -> String {
    let (unit, name) = match n {
        0..1_000 => return format!("{n} B"),
        1_000..1_000_000 => (1e3, "kB"),
        1_000_000..1_000_000_000 => (1e6, "MB"),
        _ => (1e9, "GB"),
    };
    format!("{:.1} {name}", n as f64 / unit)
}

/// `5GB`, `800 MB`, `1.5GiB`, `0`.
fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..split].trim(), text[split..].to_ascii_lowercase());
    let factor = match unit.as_str() {
        // A bare number of bytes is rarely meant.
        "" if number == "0" => 1.0,
        "b" => 1.0,
        "k" | "kb" => 1e3,
        "m" | "mb" => 1e6,
        "g" | "gb" => 1e9,
        "t" | "tb" => 1e12,
        "kib" => 1024.0,
        "mib" => 1_048_576.0,
        "gib" => 1_073_741_824.0,
        "tib" => 1_099_511_627_776.0,
        _ => f64::NAN,
    };
    match number.parse::<f64>() {
        Ok(n) if n >= 0.0 && (n * factor).is_finite() => Ok((n * factor) as u64),
        _ => Err("give a size with its unit, such as 5GB, 800MB or 1.5GiB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        for (text, n) in [("5GB", 5_000_000_000), ("1.5 MiB", 1_572_864), ("0", 0), ("12kb", 12_000), ("7 B", 7)] {
            assert_eq!(size(text), Ok(n), "{text}");
        }
        for wrong in ["", "5", "GB", "-1GB", "5 apples", "NaN", "1e400"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
