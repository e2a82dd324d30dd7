//! `tl predict`.

mod format;

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Result, bail};
use clap::ValueHint;
use tl_data::{SkipReason, Skipped, find_photos};
use tl_model::{PredictOptions, Prediction};

use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    cache,
    model::{Named, predict_options},
    output,
    photo_args::PhotoArgs,
    predict::format::{Answer, Format, Listing},
    progress::{Display, PhotoProgress},
    signal, skipped,
    threshold_args::ThresholdArgs,
};

/// What to predict, with what.
#[derive(Debug, clap::Args)]
pub(crate) struct PredictArgs {
    /// A model.safetensors, a run's folder, or imagenet:mobilenet_v1 (or v2, v3_small)
    #[arg(value_hint = ValueHint::AnyPath)]
    model: PathBuf,
    /// Photos and folders of photos; `-` reads a list from standard input, a path a line
    #[arg(required = true, value_hint = ValueHint::AnyPath, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Classes to show for each photo, the most probable first [default: 1; of a model with several classes per photo,
    /// those that reach --threshold]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    top: Option<u16>,
    #[command(flatten)]
    threshold: ThresholdArgs,
    /// How to write the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Check first that the model still gives the answers it gave when it was saved
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    photos: PhotoArgs,
}

pub(crate) fn run(args: &PredictArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let classifier = Named::parse(&args.model)?.classifier(global, args.verify)?;
    let threshold = args.threshold.of(&classifier)?;
    let (paths, missing) = present(with_standard_input(&args.paths)?);
    let (photos, mut skipped) = find_photos(&paths)?;
    skipped.extend(missing);
    let display = Display::new(global);
    let stop = signal::stop_flag();
    let mut progress = PhotoProgress::new(photos.len(), "Predicting", display);
    // One photo is computed in less time than its key takes: the weights have to be hashed for it.
    let cache = cache::open(global).filter(|_| photos.len() > 1);
    let options = PredictOptions { cache: cache.clone(), ..predict_options(global, &args.photos, &classifier)? };
    let top = args.top.map(usize::from);
    let answer = |one: &Prediction| match classifier.is_multi_label() {
        true => Answer::several(one, threshold, top),
        false => Answer::one(one, top.unwrap_or(1)),
    };
    let mut answers = Vec::new();
    // Of a thousand probabilities a photo only the best are kept.
    let mut take = |part: Vec<Prediction>| answers.extend(part.iter().map(answer));
    let result = classifier.predict_parts(&photos, &options, &mut |n| progress.set(n), &stop, &mut take);
    progress.clear();
    let is_interrupted = result.is_err() && stop.load(Ordering::Relaxed);
    match result {
        Err(_) if is_interrupted => {}
        broken => skipped.extend(broken?),
    }
    cache::say_problem(cache.as_ref());
    let listing = Listing { photos: &photos, classes: classifier.classes(), answers: &answers, skipped: &skipped };
    let is_empty = answers.is_empty() && !is_interrupted;
    // Programs that read the answers want to read why there are none.
    if !is_empty || args.format.tells_of_skipped() {
        output::result(&listing.write(args.format)?)?;
    }
    if is_empty {
        bail!(nothing_readable(&skipped));
    }
    skipped::say(&skipped, None);
    if is_interrupted {
        let (n, all) = (answers.len(), skipped::plural(photos.len(), "photo"));
        output::note(&format!("Interrupted with answers for {n} of {all}"));
        return Ok(ExitCode::from(EXIT_INTERRUPTED));
    }
    Ok(args.photos.exit_code(skipped.len(), answers.len()))
}

/// The paths, with `-` replaced by the lines of standard input.
fn with_standard_input(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        if path != Path::new("-") {
            all.push(path.clone());
            continue;
        }
        for line in io::stdin().lock().split(b'\n') {
            let mut line = line?;
            line.pop_if(|last| *last == b'\r');
            if !line.is_empty() {
                all.push(path_of(line));
            }
        }
    }
    if all.is_empty() {
        bail!("standard input held no paths; give one a line");
    }
    Ok(all)
}

/// File names are bytes, which need not be text.
#[cfg(unix)]
fn path_of(line: Vec<u8>) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    std::ffi::OsString::from_vec(line).into()
}

#[cfg(not(unix))]
fn path_of(line: Vec<u8>) -> PathBuf {
    String::from_utf8_lossy(&line).into_owned().into()
}

/// Paths that lead somewhere; one that does not must not cost the answers for the others.
fn present(paths: Vec<PathBuf>) -> (Vec<PathBuf>, Vec<Skipped>) {
    let (present, missing): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.exists());
    let reason = SkipReason::Unreadable { reason: "no such file or folder".to_owned() };
    (present, missing.into_iter().map(|path| Skipped { path, reason: reason.clone() }).collect())
}

fn nothing_readable(skipped: &[Skipped]) -> String {
    match skipped.first() {
        Some(first) => format!(
            "none of {} could be read as a photo; the first, {}: {}",
            skipped::plural(skipped.len(), "file"),
            first.path.display(),
            first.reason
        ),
        None => "there are no photos there; give photos or folders that hold some".to_owned(),
    }
}
