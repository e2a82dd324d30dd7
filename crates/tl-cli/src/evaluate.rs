//! `tl evaluate`.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Result, bail};
use clap::ValueHint;
use serde_json::json;
use tl_data::{Sample, ScanOptions, Skipped, scan};
use tl_metrics::Evaluation;
use tl_model::{Classifier, PredictOptions, Prediction};

use crate::{
    EXIT_CHECK_FAILED, EXIT_INTERRUPTED,
    args::GlobalArgs,
    cache, imagenet_labels,
    model::{Named, predict_options},
    output,
    photo_args::PhotoArgs,
    progress::{Display, PhotoProgress},
    signal, skipped,
};

/// More classes than this make a confusion matrix that nobody reads.
const MAX_CONFUSION: usize = 20;

/// What to measure, on what.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateArgs {
    /// A model.safetensors, a run's folder, or imagenet:mobilenet_v1 (or v2, v3_small)
    #[arg(value_hint = ValueHint::AnyPath)]
    model: PathBuf,
    /// A folder with a folder of photos per class; of train/ and val/ (or valid/, test/) the second is used.
    /// For imagenet: models, folder or file names start with WordNet ids or class indices
    #[arg(value_hint = ValueHint::DirPath)]
    data: PathBuf,
    /// Write the numbers as JSON
    #[arg(long)]
    json: bool,
    /// Check first that the model still gives the answers it gave when it was saved
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    photos: PhotoArgs,
}

pub(crate) fn run(args: &EvaluateArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let named = Named::parse(&args.model)?;
    let classifier = named.classifier(global, args.verify)?;
    let (samples, mut skipped) = match named.is_imagenet() {
        true => imagenet_labels::scan(&args.data)?,
        false => labelled(&args.data, classifier.classes())?,
    };
    let display = Display::new(global);
    display.line(&format!("Found {} images in {}", samples.len(), args.data.display()));
    let stop = signal::stop_flag();
    let photos: Vec<PathBuf> = samples.iter().map(|s| s.path.clone()).collect();
    let mut progress = PhotoProgress::new(photos.len(), "Evaluating", display);
    let cache = cache::open(global);
    let options = PredictOptions { cache: cache.clone(), ..predict_options(global, &args.photos)? };
    let result = classifier.predict(&photos, &options, &mut |n| progress.set(n), &stop);
    progress.clear();
    let (predictions, broken) = match result {
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(ExitCode::from(EXIT_INTERRUPTED)),
        result => result?,
    };
    cache::say_problem(cache.as_ref());
    skipped.extend(broken);
    skipped::say(&skipped, None);
    if predictions.is_empty() {
        bail!("no photo in {} could be read", args.data.display());
    }
    let evaluation = evaluation(&classifier, &samples, &predictions)?;
    output::result(&match args.json {
        true => as_json(&evaluation, &skipped)?,
        false => as_text(&evaluation, classifier.classes()),
    })?;
    let is_too_much = args.photos.is_too_much(&skipped, predictions.len());
    Ok(ExitCode::from(if is_too_much { EXIT_CHECK_FAILED } else { 0 }))
}

/// Photos of a folder per class, with the model's labels: classes are matched by name.
fn labelled(data: &Path, classes: &[String]) -> Result<(Vec<Sample>, Vec<Skipped>)> {
    let folder = scan(data, &ScanOptions { min_classes: 1, ..ScanOptions::default() })?;
    let labels = folder
        .classes
        .iter()
        .map(|name| match classes.iter().position(|class| class == name) {
            Some(label) => Ok(label),
            None => bail!(
                "{} holds a class `{name}` that the model does not know; its classes are: {}",
                data.display(),
                classes.join(", ")
            ),
        })
        .collect::<Result<Vec<_>>>()?;
    let samples = folder.val.unwrap_or(folder.train);
    let samples = samples.into_iter().map(|s| Sample { label: labels[s.label], ..s }).collect();
    Ok((samples, folder.skipped))
}

fn evaluation(classifier: &Classifier, samples: &[Sample], predictions: &[Prediction]) -> Result<Evaluation> {
    let labels: Vec<usize> = predictions.iter().map(|p| samples[p.photo].label).collect();
    let probabilities: Vec<f32> = predictions.iter().flat_map(|p| p.probabilities.iter().copied()).collect();
    Ok(Evaluation::new(classifier.classes(), &labels, &probabilities)?)
}

fn as_json(evaluation: &Evaluation, skipped: &[Skipped]) -> Result<String> {
    let mut document = serde_json::to_value(evaluation)?;
    let entries: Vec<_> =
        skipped.iter().map(|s| json!({"path": s.path.to_string_lossy(), "reason": s.reason.to_string()})).collect();
    document["skipped"] = json!(entries);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn as_text(evaluation: &Evaluation, classes: &[String]) -> String {
    let [low, high] = evaluation.accuracy_ci;
    let mut text = format!(
        "Accuracy {:.1} % on {} photos (95 % interval {:.1} to {:.1} %), log-loss {:.4}\n",
        evaluation.accuracy * 100.0,
        evaluation.n_images,
        low * 100.0,
        high * 100.0,
        evaluation.log_loss
    );
    let _ = write!(text, "\n{}", evaluation.report());
    if classes.len() <= MAX_CONFUSION {
        let _ = write!(text, "\n{}", evaluation.confusion_table());
    }
    text
}
