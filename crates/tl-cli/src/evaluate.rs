//! `tl evaluate`.

mod seen;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Result, bail};
use clap::ValueHint;
use serde_json::json;
use tl_data::{Folder, Labels, Sample, ScanOptions, Skipped};
use tl_metrics::{Evaluation, MultiLabelEvaluation, Worth};
use tl_model::{Classifier, PredictOptions, Prediction};

use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    cache, imagenet_labels,
    label_args::LabelArgs,
    model::{Named, predict_options},
    output,
    photo_args::PhotoArgs,
    progress::{Display, PhotoProgress},
    signal,
    skipped::{self, plural},
    threshold_args::ThresholdArgs,
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
    /// Or a list path,label[,split] that ends in .csv or .jsonl, of which the photos to validate on are used where it
    /// names some. For imagenet: models, folder or file names start with WordNet ids or class indices
    #[arg(value_hint = ValueHint::AnyPath)]
    data: PathBuf,
    /// Write the numbers as JSON
    #[arg(long)]
    json: bool,
    /// Check first that the model still gives the answers it gave when it was saved
    #[arg(long)]
    verify: bool,
    #[command(flatten)]
    threshold: ThresholdArgs,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    photos: PhotoArgs,
}

pub(crate) fn run(args: &EvaluateArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let named = Named::parse(&args.model)?;
    let classifier = named.classifier(global, args.verify)?;
    let threshold = args.threshold.of(&classifier)?;
    let (labelled, mut skipped) = match named.is_imagenet() {
        true if !args.labels.is_silent() => bail!(
            "--classes and --label-pattern are for trained models; {} knows photos by WordNet ids and class indices",
            args.model.display()
        ),
        true => one_each(imagenet_labels::scan(&args.data)?),
        false => labelled(args, &classifier)?,
    };
    seen::say(&named, labelled.iter().map(|(path, _)| path.as_path()));
    let display = Display::new(global);
    display.line(&format!("Found {} in {}", plural(labelled.len(), "image"), args.data.display()));
    let stop = signal::stop_flag();
    let photos: Vec<PathBuf> = labelled.iter().map(|(path, _)| path.clone()).collect();
    let mut progress = PhotoProgress::new(photos.len(), "Evaluating", display);
    let cache = cache::open(global);
    let options = PredictOptions { cache: cache.clone(), ..predict_options(global, &args.photos, &classifier)? };
    let result = classifier.predict(&photos, &options, &mut |n| progress.set(n), &stop);
    progress.clear();
    let (predictions, broken) = match result {
        Err(_) if stop.load(Ordering::Relaxed) => {
            output::note("Interrupted, nothing was measured");
            return Ok(ExitCode::from(EXIT_INTERRUPTED));
        }
        result => result?,
    };
    cache::say_problem(cache.as_ref());
    skipped.extend(broken);
    skipped::say(&skipped, None);
    if predictions.is_empty() {
        bail!("no photo in {} could be read", args.data.display());
    }
    let worth = worth(&classifier, &labelled, &predictions, threshold)?;
    output::result(&match args.json {
        true => as_json(&worth, &skipped)?,
        false => as_text(&worth, classifier.classes()),
    })?;
    Ok(args.photos.exit_code(skipped.len(), predictions.len()))
}

/// Photos with the model's labels of them.
type Labelled = Vec<(PathBuf, Vec<usize>)>;

fn one_each((samples, skipped): (Vec<Sample>, Vec<Skipped>)) -> (Labelled, Vec<Skipped>) {
    (samples.into_iter().map(|sample| (sample.path, vec![sample.label])).collect(), skipped)
}

/// Photos of a list or of a folder per class, with the model's labels: classes are matched by name.
fn labelled(args: &EvaluateArgs, classifier: &Classifier) -> Result<(Labelled, Vec<Skipped>)> {
    let data = args.data.as_path();
    // Photos that have none of several classes show false alarms.
    let (labels, min_classes) =
        if classifier.is_multi_label() { (Labels::Several, 0) } else { (Labels::OnePerPhoto, 1) };
    let options = ScanOptions { min_classes, labels, ..ScanOptions::default() };
    let Folder { classes, label_sets, train, val, skipped, .. } = args.labels.read(data, &options)?.folder;
    let known = model_labels(data, &classes, classifier.classes())?;
    let of_sample = |label: usize| match &label_sets {
        Some(sets) => sets.classes(label).iter().map(|&class| known[class]).collect(),
        None => vec![known[label]],
    };
    let samples = val.unwrap_or(train).into_iter();
    Ok((samples.map(|sample| (sample.path, of_sample(sample.label))).collect(), skipped))
}

/// For each of the classes of `data` its position in the model's.
fn model_labels(data: &Path, classes: &[String], known: &[String]) -> Result<Vec<usize>> {
    let label = |name: &String| match known.iter().position(|class| class == name) {
        Some(label) => Ok(label),
        None if name.is_empty() => bail!(
            "a photo of {} has no label; give it one of the model's classes, or leave it out: {}",
            data.display(),
            known.join(", ")
        ),
        None => bail!(
            "{} holds a class `{name}` that the model does not know; its classes are: {}",
            data.display(),
            known.join(", ")
        ),
    };
    classes.iter().map(label).collect()
}

/// What the model is worth on the photos; a class of several is there from `threshold` on.
fn worth(classifier: &Classifier, labelled: &Labelled, predictions: &[Prediction], threshold: f32) -> Result<Worth> {
    let truth: Vec<&[usize]> = predictions.iter().map(|p| labelled[p.photo].1.as_slice()).collect();
    let probabilities: Vec<f32> = predictions.iter().flat_map(|p| p.probabilities.iter().copied()).collect();
    let classes = classifier.classes();
    Ok(match classifier.is_multi_label() {
        true => Worth::Several(Box::new(MultiLabelEvaluation::at(threshold, classes, &truth, &probabilities)?)),
        false => Worth::new(classes, &truth, &probabilities, false)?,
    })
}

fn as_json(worth: &Worth, skipped: &[Skipped]) -> Result<String> {
    let mut document = serde_json::to_value(worth)?;
    let entries: Vec<_> =
        skipped.iter().map(|s| json!({"path": s.path.to_string_lossy(), "reason": s.reason.to_string()})).collect();
    document["skipped"] = json!(entries);
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn as_text(worth: &Worth, classes: &[String]) -> String {
    match worth {
        Worth::One(evaluation) => text_of_one(evaluation, classes),
        Worth::Several(evaluation) => text_of_several(evaluation),
    }
}

fn text_of_one(evaluation: &Evaluation, classes: &[String]) -> String {
    let [low, high] = evaluation.accuracy_ci;
    let mut text = format!(
        "Accuracy {:.1} % on {} (95 % interval {:.1} to {:.1} %), log-loss {:.4}\n",
        evaluation.accuracy * 100.0,
        plural(evaluation.n_images, "photo"),
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

fn text_of_several(evaluation: &MultiLabelEvaluation) -> String {
    let [low, high] = evaluation.exact_match_ci;
    format!(
        "All classes right in {:.1} % of {} (95 % interval {:.1} to {:.1} %), {:.1} % of all answers right, \
         log-loss {:.4}\n\n{}",
        evaluation.exact_match * 100.0,
        plural(evaluation.n_images, "photo"),
        low * 100.0,
        high * 100.0,
        evaluation.label_accuracy * 100.0,
        evaluation.log_loss,
        evaluation.report()
    )
}
