//! `tl features`.

mod merge;
mod network;
mod output_file;
mod shard;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::Ordering,
};

use anyhow::{Context, Result, bail};
use clap::{Subcommand, ValueEnum, ValueHint};
use tl_data::{DataError, Folder, Labels, ScanOptions, Skipped, find_photos};
use tl_features::{Cache, ExportFormat, ExtractOptions, FeatureTable, extract};

use self::{merge::MergeArgs, network::Network, output_file::OutputFile, shard::Shard};
use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    cache, device,
    label_args::LabelArgs,
    output,
    photo_args::PhotoArgs,
    precision,
    progress::{Display, PhotoProgress},
    signal, skipped,
};

/// Writes what a pretrained network says of each photo: path, label and features, sorted by path.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct FeaturesArgs {
    #[command(subcommand)]
    command: Option<FeaturesCommand>,
    /// A folder with a folder of photos per class, train/ and val/ with such folders, photos alone (their labels stay
    /// empty), or a list path,label that ends in .csv or .jsonl
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    data: Option<PathBuf>,
    /// File to write: .safetensors, .npy (with path and label in a .csv beside it), .csv or .parquet
    #[arg(long, value_name = "FILE", required = true, value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Format of the file, when its name does not tell
    #[arg(long, value_enum, value_name = "F")]
    format: Option<FormatArg>,
    /// Pretrained network: mobilenet_v1, mobilenet_v2 or mobilenet_v3_small; or a model.safetensors or a run's folder, for
    /// the network that was fine-tuned there
    #[arg(long, value_name = "B", default_value = "mobilenet_v1")]
    backbone: String,
    /// Take every N-th photo from the I-th on, counted from 0. Without it RANK and WORLD_SIZE, or SLURM_PROCID and
    /// SLURM_NTASKS, say so, and out.npy becomes out-I-of-N.npy. A shard's skipped files are counted for itself, see
    /// --max-skipped
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    shard: Option<Shard>,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    photos: PhotoArgs,
}

#[derive(Debug, Subcommand)]
enum FeaturesCommand {
    /// Put the files of shards together, to the same bytes as without --shard
    Merge(MergeArgs),
}

/// How the file is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArg {
    Safetensors,
    Npy,
    Csv,
    Parquet,
}

pub(crate) fn run(args: &FeaturesArgs, global: &GlobalArgs) -> Result<ExitCode> {
    match (&args.command, &args.data, &args.out) {
        (Some(FeaturesCommand::Merge(merge)), ..) => merge::run(merge),
        (None, Some(data), Some(out)) => write_features(args, data, out, global),
        // clap asks for both.
        (None, ..) => bail!("name the photos and --out FILE"),
    }
}

fn write_features(args: &FeaturesArgs, data: &Path, out: &Path, global: &GlobalArgs) -> Result<ExitCode> {
    let format = export_format(out, args.format)?;
    let given = args.shard.map_or_else(Shard::of_environment, |_| Ok(None))?;
    let out = &given.map_or_else(|| out.to_owned(), |shard| shard.name(out));
    let out = OutputFile::new(out, format)?;
    let network = Network::named(&args.backbone, global)?;
    let (found, left_out) = find(data, &args.labels)?;
    out.check_apart(std::iter::once(data).chain(found.iter().map(|(path, _)| path.as_path())))?;
    let shard = args.shard.or(given).unwrap_or_default();
    let parted = if shard.is_whole() { String::new() } else { list_hash(&found) };
    let (photos, mut skipped) = (shard.part(found), shard.part(left_out));

    let display = Display::new(global);
    let stop = signal::stop_flag();
    let device = device::frozen(global)?;
    let precision = precision::precision(global, device);
    let weights = &network.weights;
    let cache = cache::open(global);
    let options = ExtractOptions {
        cache: cache.clone(),
        geometry: Some(network.geometry),
        n_threads: global.threads.unwrap_or(0),
        precision,
        device,
        decode: args.photos.decode(),
        ..ExtractOptions::default()
    };
    let paths: Vec<PathBuf> = photos.iter().map(|(path, _)| path.clone()).collect();
    let mut progress = PhotoProgress::new(paths.len(), "Reading", display);
    let result = extract(weights, &paths, &options, &mut |n| progress.set(n), &stop);
    progress.clear();
    let (features, broken) = match result {
        Err(_) if stop.load(Ordering::Relaxed) => return Ok(interrupted(cache.as_ref())),

        result => result?,
    };
    cache::say_problem(cache.as_ref());
    skipped.extend(broken);
    skipped::say(&skipped, None);
    // A shard may have no photo that can be read: the others' are to be put together with it all the same.
    if features.is_empty() && !photos.is_empty() && shard.is_whole() {
        bail!("no photo in {} could be read", data.display());
    }
    let table = FeatureTable {
        paths: features.photos.iter().map(|&i| text_of(&photos[i].0)).collect(),
        labels: features.photos.iter().map(|&i| photos[i].1.clone()).collect(),
        width: features.width,
        rows: features.rows,
        network: format!("{} {}", network.name, precision.name()),
        shard: (!shard.is_whole()).then_some(shard.numbers()),
        parted,
    };
    out.save(&table)?;
    let code = args.photos.exit_code(skipped.len(), table.len());
    if code != ExitCode::SUCCESS && !shard.is_whole() {
        output::note(
            "A shard may have more than its share of what is broken: its file can be merged all the same, and \
             --max-skipped 1 lets it pass",
        );
    }
    Ok(code)
}

/// Says what is left of the work.
fn interrupted(cache: Option<&Cache>) -> ExitCode {
    let is_kept = cache.is_some_and(|cache| cache.problem().is_none());
    let kept = if is_kept { "; the features of the photos that were read are kept for the next time" } else { "" };
    output::note(&format!("Interrupted, nothing was written{kept}"));
    ExitCode::from(EXIT_INTERRUPTED)
}

/// BLAKE3 of the photos' paths and labels, each after its length, by which shards know each other.
fn list_hash(photos: &[Labelled]) -> String {
    let mut hasher = blake3::Hasher::new();
    for text in photos.iter().flat_map(|(path, label)| [text_of(path), label.clone()]) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

/// A photo and its label.
type Labelled = (PathBuf, String);

/// The photos of all parts with their labels, in order of their paths, each once.
fn find(data: &Path, labels: &LabelArgs) -> Result<(Vec<Labelled>, Vec<Skipped>)> {
    let options =
        ScanOptions { classes: None, min_classes: 1, labels: Labels::OnePerPhoto, classes_of_all_parts: true };
    let folder = match labels.read(data, &options) {
        // Photos, and no class among their folders.
        Err(DataError::NoClasses { .. } | DataError::NoTrainingPart { .. }) if labels.is_silent() && data.is_dir() => {
            let (photos, skipped) = find_photos(&[data.to_owned()])?;
            return Ok((sorted(photos.into_iter().map(|path| (path, String::new()))), skipped));
        }
        list => list?.folder,
    };
    let Folder { classes, train, val, test, skipped, .. } = folder;
    let samples = train.into_iter().chain(val.into_iter().flatten()).chain(test.into_iter().flatten());
    Ok((sorted(samples.map(|sample| (sample.path, classes[sample.label].clone()))), skipped))
}

/// In the order of the text that is written, by which shards are put together again.
fn sorted(photos: impl Iterator<Item = Labelled>) -> Vec<Labelled> {
    let photos: BTreeSet<(String, String, PathBuf)> =
        photos.map(|(path, label)| (text_of(&path), label, path)).collect();
    photos.into_iter().map(|(_, label, path)| (path, label)).collect()
}

/// A path as text. Bytes that are none are written as `\xff`, so that different paths stay different.
fn text_of(path: &Path) -> String {
    let chunks = path.as_os_str().as_encoded_bytes().utf8_chunks();
    chunks.flat_map(|chunk| [chunk.valid().to_owned(), chunk.invalid().escape_ascii().to_string()]).collect()
}

/// The format that was asked for, or that the file's name tells.
fn export_format(out: &Path, asked: Option<FormatArg>) -> Result<ExportFormat> {
    Ok(match asked {
        Some(FormatArg::Safetensors) => ExportFormat::Safetensors,
        Some(FormatArg::Npy) => ExportFormat::Npy,
        Some(FormatArg::Csv) => ExportFormat::Csv,
        Some(FormatArg::Parquet) => ExportFormat::Parquet,
        None => ExportFormat::of(out).with_context(|| {
            format!(
                "{} ends in no format that tl knows; end it in .safetensors, .npy, .csv or .parquet, or say --format",
                out.display()
            )
        })?,
    })
}
