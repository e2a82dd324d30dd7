//! `tl train`.

mod dashboard;
mod duration;
pub(crate) mod eta;
mod json_log;
pub(crate) mod lines;
mod recorder;
mod screen;
mod summary;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
};

use anyhow::Result;
use clap::{ValueEnum, ValueHint};
use tl_train::{Data, Observer, Outcome, Plan, RunFolder, RunInputs, TrainError, TrainOptions, train};
use toml::Value;

use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    assets, cache, device,
    model::backbone,
    output,
    photo_args::PhotoArgs,
    precision,
    progress::Display,
    settings::Settings,
    signal, terminal,
    train::{
        dashboard::Dashboard, duration::duration, json_log::JsonLog, recorder::Recorder, screen::Screen,
        summary::summary,
    },
};

/// What to train on, and how.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct TrainArgs {
    /// A folder with a folder of photos per class, or with train/ and val/ (or valid/, test/) in it, or a list
    /// path,label[,split][,group] that ends in .csv or .jsonl [default: the fetched sample]
    #[arg(value_hint = ValueHint::AnyPath)]
    data: Option<PathBuf>,
    /// Validate on this folder instead of a part of DATA
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    val: Option<PathBuf>,
    /// Photos may have several classes, or none: DATA is a list, and its labels may be `a;b`, or empty
    #[arg(long, conflicts_with_all = ["val", "label_pattern"])]
    multi_label: bool,
    /// Classes to use, in this order [default: all, sorted]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    classes: Option<Vec<String>>,
    /// Take labels from paths, by the group `label` of a regular expression: '^(?P<label>[a-z]+)_'
    #[arg(long, value_name = "REGEX", conflicts_with = "val")]
    label_pattern: Option<String>,
    /// What is trained; every other setting's default follows from it, as --print-config shows [default: features]
    #[arg(long, value_enum, value_name = "R")]
    recipe: Option<RecipeArg>,
    /// With --recipe notebook: the notebook with its two slips, 223-pixel photos and nothing frozen
    #[arg(long)]
    as_published: bool,
    /// Print every setting of the run as TOML, and do nothing else
    #[arg(long)]
    print_config: bool,
    /// Pretrained network: mobilenet_v1, mobilenet_v2 or mobilenet_v3_small [default: mobilenet_v1]
    #[arg(long, value_name = "B")]
    backbone: Option<String>,
    /// Shape of the head [default: mlp]
    #[arg(long, value_enum, value_name = "H")]
    head: Option<HeadArg>,
    /// Hidden sizes of the mlp head [default: 1024,1024,512]
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    hidden: Option<Vec<u32>>,
    /// Passes over the training photos [default: 10]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// Stop after N epochs in a row that are no better than the best on the validation photos; with --keep best, that
    /// best one is kept
    #[arg(long, value_name = "N")]
    patience: Option<u32>,
    /// Train for at most so long, as 90s, 5m or 1h: the schedule is laid out for the steps that fit, reading the photos
    /// included
    #[arg(long, value_name = "TIME", value_parser = duration)]
    time: Option<f64>,
    /// Stop when this part of the validation photos is classified rightly, as 0.95
    #[arg(long, value_name = "F")]
    target_accuracy: Option<f64>,
    /// Photos per step, or `auto` for what fits into memory [default: 32]
    #[arg(long, value_name = "N|auto", value_parser = batch_size)]
    batch_size: Option<u32>,
    /// Highest learning rate [default: with Adam 0.0003 for the mlp head, more for narrower ones, 0.005 for a linear one;
    /// 0.001 with --recipe notebook or scratch]
    #[arg(long, value_name = "X")]
    lr: Option<f64>,
    /// Seed of the split, the head's first weights and the order of photos [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Part of each class held out when there is no validation folder; 0 for none [default: 0.2]
    #[arg(long, value_name = "F")]
    val_fraction: Option<f64>,
    /// Layers of the backbone that stay as they are: all, none, N, stage:K or name:REGEX; N counts Keras layers for
    /// V1 and blocks for other networks, K stages, and `tl info --layers B` lists them
    #[arg(long, value_name = "WHAT")]
    freeze: Option<String>,
    /// Changes to the training photos, as in `tl data preview`: light, standard, strong or steps; while the backbone is
    /// trained new ones in each epoch, else so many as --views says
    #[arg(long, value_name = "A")]
    augment: Option<String>,
    /// Augmented views of each photo for the head to learn from, computed once; each epoch draws one [default: 4 with
    /// --augment and a frozen backbone, else 0]
    #[arg(long, value_name = "K")]
    views: Option<u32>,
    /// Also write a checkpoint every K steps of fine-tuning, not only after each epoch
    #[arg(long, value_name = "K")]
    checkpoint_steps: Option<u32>,
    /// What an example of each class counts in the loss: balanced (rare classes as much as others), or a CSV file
    /// class,weight that names every class [default: all alike]
    #[arg(long, value_name = "balanced|FILE", value_hint = ValueHint::FilePath)]
    class_weights: Option<PathBuf>,
    /// Which epoch's weights are kept [default: last; best with --recipe finetune]
    #[arg(long, value_enum)]
    keep: Option<KeepArg>,
    /// Folder that the run's folder is made in
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    out: PathBuf,
    /// Name of the run's folder [default: DATA's name and a number]
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    name: Option<String>,
    /// Take settings from a TOML file, such as a run's config.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Set any setting of config.toml
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Show the run on a full screen of the terminal: curves, throughput, the time left; q stops and saves
    #[arg(long, conflicts_with_all = ["quiet", "log_json"])]
    tui: bool,
    /// Go on with an interrupted run
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath, conflicts_with_all = ["data", "val", "config", "set", "name", "out"])]
    resume: Option<PathBuf>,
    #[command(flatten)]
    photos: PhotoArgs,
}

/// What is trained.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RecipeArg {
    /// A head on the features of the frozen backbone, computed once
    Features,
    /// That, then the backbone too, stage by stage, gently
    Finetune,
    /// The Keras notebook: first 20 layers frozen, the rest trained with BatchNorm in training mode
    Notebook,
    /// The same network from random weights
    Scratch,
}

/// Shape of the head.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum HeadArg {
    /// Dense layers of the sizes in --hidden
    Mlp,
    /// One dense layer
    Linear,
    /// One dense layer, fitted straight to its optimum, the penalty chosen by cross-validation
    Logistic,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeepArg {
    /// The last: its validation accuracy is honest
    Last,
    /// The one with the best validation accuracy, which flatters that number
    Best,
}

pub(crate) fn run(args: &TrainArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let stop = signal::stop_flag();
    let mut options = options(args, global)?;
    if options.data.is_none() {
        options.data = Some(assets::default_sample(global)?);
    }
    let device = device::parse(&options.device)?;
    if !args.print_config {
        precision::settle(&mut options, device, global);
    }
    let plan = Plan::new(options)?;
    if args.print_config {
        output::result(&toml::to_string(plan.options())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let data = Data::load(plan.options(), cache::likeness(global))?;
    let weights = assets::weights(global, plan.spec())?;
    let folder = match &args.resume {
        Some(run) => RunFolder::open(run)?,
        None => RunFolder::create(&args.out, args.name.as_deref(), &stem(plan.options()))?,
    };
    let mut observer = Recorder::new(folder.path(), args.resume.is_some(), view(args, global, &folder, &stop));
    let (command, cache) = (env::args().collect(), cache::open(global));
    let inputs = RunInputs { plan, data, weights, folder: folder.clone(), device, command, cache };
    let outcome = train(inputs, &mut observer, &stop);
    // A full screen has to make room for what comes now.
    drop(observer);
    match outcome {
        Ok(Outcome::Finished(metrics)) => {
            output::result(&summary(&metrics, &folder, &output::program()))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Outcome::Interrupted { .. }) => Ok(ExitCode::from(EXIT_INTERRUPTED)),
        Err(error) => Err(give_up(error, folder, args.resume.is_some())),
    }
}

/// What shows the run as it goes.
fn view(args: &TrainArgs, global: &GlobalArgs, folder: &RunFolder, stop: &Arc<AtomicBool>) -> Box<dyn Observer> {
    if global.log_json {
        return Box::new(JsonLog);
    }
    if args.tui {
        let dashboard = match terminal::is_there() {
            true => Dashboard::start(folder.path(), stop).map_err(|error| error.to_string()),
            false => Err("standard input and standard error must be one".to_owned()),
        };
        match dashboard {
            Ok(dashboard) => return Box::new(dashboard),
            Err(why) => output::note(&format!("--tui needs a terminal ({why}); here are lines instead.")),
        }
    }
    Box::new(Screen::new(Display::new(global), folder.path()))
}

/// A run that failed before it had anything to keep leaves no folder behind; any other says how to go on.
fn give_up(error: TrainError, folder: RunFolder, is_resumed: bool) -> anyhow::Error {
    let path = folder.path().to_owned();
    if !is_resumed {
        folder.discard();
    }
    let error = anyhow::Error::from(error);
    match path.exists() {
        true => error.context(format!(
            "the run failed; once that is mended, go on from its last checkpoint with {} train --resume {}",
            output::program(),
            path.display()
        )),
        false => error,
    }
}

/// Defaults, then the file, then `--set`, then flags.
fn options(args: &TrainArgs, global: &GlobalArgs) -> Result<TrainOptions> {
    let mut settings = Settings::default();
    if let Some(run) = &args.resume {
        settings.file(&RunFolder::open(run)?.config())?;
    }
    if let Some(file) = &args.config {
        settings.file(file)?;
    }
    args.set.iter().try_for_each(|text| settings.assignment(text))?;
    settings.flag("data", args.data.as_deref().map(absolute).transpose()?);
    settings.flag("val", args.val.as_deref().map(absolute).transpose()?);
    settings.flag("multi_label", args.multi_label.then_some(true));
    settings.flag("classes", args.classes.clone());
    settings.flag("label_pattern", args.label_pattern.clone());
    settings.flag("max_skipped", args.photos.allowed());
    settings.flag("partial", args.photos.partial.then_some(true));
    settings.flag("recipe", args.recipe.as_ref().map(name_of));
    settings.flag("freeze", args.freeze.clone());
    settings.flag("augment", args.augment.clone());
    settings.flag("checkpoint_steps", args.checkpoint_steps.map(i64::from));
    settings.flag("backbone", args.backbone.as_deref().map(full_name));
    settings.flag("head", args.head.as_ref().map(name_of));
    settings.flag("hidden", args.hidden.clone().map(|sizes| sizes.into_iter().map(i64::from).collect::<Vec<_>>()));
    settings.flag("epochs", args.epochs.map(i64::from));
    settings.flag("patience", args.patience.map(i64::from));
    settings.flag("time_s", args.time);
    settings.flag("target_accuracy", args.target_accuracy);
    settings.flag("batch_size", args.batch_size.map(i64::from));
    settings.flag("lr", args.lr);
    settings.flag("seed", args.seed.map(i64::from));
    settings.flag("val_fraction", args.val_fraction);
    settings.flag("views", args.views.map(i64::from));
    settings.flag("class_weights", args.class_weights.as_deref().map(class_weights).transpose()?);
    settings.flag("keep", args.keep.as_ref().map(name_of));
    settings.flag("precision", global.precision.as_ref().map(name_of));
    settings.flag("threads", global.threads.map(|n| n as i64));
    settings.flag("device", global.device.clone());
    if args.as_published {
        settings.flag("recipe", Some("notebook"));
    }
    settings.finish(args.as_published)
}

/// The word that an argument's value is typed as, which is also what the settings call it.
pub(crate) fn name_of(value: &impl ValueEnum) -> Value {
    let name = value.to_possible_value().map(|v| v.get_name().to_owned());
    Value::String(name.unwrap_or_default())
}

/// The full name of a backbone; one that is not known is left for the plan to report with the other problems.
pub(crate) fn full_name(name: &str) -> String {
    backbone(name).map_or_else(|_| name.to_owned(), |spec| spec.name.to_owned())
}

/// A run must find its photos again from another working folder.
pub(crate) fn absolute(path: &Path) -> Result<Value> {
    let path = std::path::absolute(path)?;
    match path.to_str() {
        Some(text) => Ok(Value::String(text.to_owned())),
        None => anyhow::bail!("the name of {} is not UTF-8, which config.toml cannot hold; rename it", path.display()),
    }
}

/// A word, or a file that must be found again from another working folder.
fn class_weights(typed: &Path) -> Result<Value> {
    match typed.to_str() {
        Some(word @ ("none" | "balanced")) => Ok(Value::String(word.to_owned())),
        _ => absolute(typed),
    }
}

/// The first part of the run's name: the data folder's.
fn stem(options: &TrainOptions) -> String {
    let data = options.data.as_deref().and_then(|data| fs_err::canonicalize(data).ok());
    let name = data.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "run".to_owned())
}

/// A number, or 0 for `auto`.
fn batch_size(text: &str) -> Result<u32, String> {
    match text.parse() {
        _ if text == "auto" => Ok(0),
        Ok(n) if n > 0 => Ok(n),
        _ => Err("it is a number from 1 on, or auto".to_owned()),
    }
}

fn folder_name(text: &str) -> Result<String, String> {
    match Path::new(text).components().count() == 1 && !text.starts_with('.') && text != "latest" {
        true => Ok(text.to_owned()),
        false => {
            Err("a run's name is the name of one folder, and not `latest`; --out says where it is made".to_owned())
        }
    }
}
