//! The arguments of `tl train`.

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};

use super::duration::duration;
use crate::photo_args::PhotoArgs;

/// What to train on, and how.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct TrainArgs {
    /// A folder with a folder of photos per class, or with train/ and val/ (or valid/, test/) in it, or a list
    /// path,label[,split][,group] that ends in .csv or .jsonl [default: the fetched sample]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(super) data: Option<PathBuf>,
    /// Validate on this folder instead of a part of DATA
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(super) val: Option<PathBuf>,
    /// Photos may have several classes, or none: DATA is a list, and its labels may be `a;b`, or empty
    #[arg(long, conflicts_with_all = ["val", "label_pattern"])]
    pub(super) multi_label: bool,
    /// Classes to use, in this order [default: all, sorted]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(super) classes: Option<Vec<String>>,
    /// Take labels from paths, by the group `label` of a regular expression: '^(?P<label>[a-z]+)_'
    #[arg(long, value_name = "REGEX", conflicts_with = "val")]
    pub(super) label_pattern: Option<String>,
    /// What is trained; every other setting's default follows from it, as --print-config shows [default: features]
    #[arg(long, value_enum, value_name = "R")]
    pub(super) recipe: Option<RecipeArg>,
    /// With --recipe notebook: the notebook with its two slips, 223-pixel photos and nothing frozen
    #[arg(long)]
    pub(super) as_published: bool,
    /// Print every setting of the run as TOML, and do nothing else
    #[arg(long)]
    pub(super) print_config: bool,
    /// Pretrained network: mobilenet_v1, mobilenet_v2 or mobilenet_v3_small [default: mobilenet_v1]
    #[arg(long, value_name = "B")]
    pub(super) backbone: Option<String>,
    /// Shape of the head [default: mlp]
    #[arg(long, value_enum, value_name = "H")]
    pub(super) head: Option<HeadArg>,
    /// Hidden sizes of the mlp head [default: 1024,1024,512]
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    pub(super) hidden: Option<Vec<u32>>,
    /// Passes over the training photos [default: 10]
    #[arg(long, value_name = "N")]
    pub(super) epochs: Option<u32>,
    /// Stop after N epochs in a row that are no better than the best on the validation photos; with --keep best, that
    /// best one is kept
    #[arg(long, value_name = "N")]
    pub(super) patience: Option<u32>,
    /// Train for at most so long, as 90s, 5m or 1h: the schedule is laid out for the steps that fit, reading the photos
    /// included
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) time: Option<f64>,
    /// Stop when this part of the validation photos is classified rightly, as 0.95
    #[arg(long, value_name = "F")]
    pub(super) target_accuracy: Option<f64>,
    /// Photos per step, or `auto` for what fits into memory [default: 32]
    #[arg(long, value_name = "N|auto", value_parser = batch_size)]
    pub(super) batch_size: Option<u32>,
    /// Highest learning rate [default: with Adam 0.0003 for the mlp head, more for narrower ones, 0.005 for a linear one;
    /// 0.001 with --recipe notebook or scratch]
    #[arg(long, value_name = "X")]
    pub(super) lr: Option<f64>,
    /// Seed of the split, the head's first weights and the order of photos [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u32>,
    /// Part of each class held out when there is no validation folder; 0 for none [default: 0.2]
    #[arg(long, value_name = "F")]
    pub(super) val_fraction: Option<f64>,
    /// Layers of the backbone that stay as they are: all, none, N, stage:K or name:REGEX; N counts as Keras
    /// does, K stages, and `tl info --layers B` lists them
    #[arg(long, value_name = "WHAT")]
    pub(super) freeze: Option<String>,
    /// Changes to the training photos, as in `tl data preview`: light, standard, strong or steps; while the backbone is
    /// trained new ones in each epoch, else so many as --views says
    #[arg(long, value_name = "A")]
    pub(super) augment: Option<String>,
    /// Augmented views of each photo for the head to learn from, computed once; each epoch draws one [default: 4 with
    /// --augment and a frozen backbone, else 0]
    #[arg(long, value_name = "K")]
    pub(super) views: Option<u32>,
    /// Also write a checkpoint every K steps of fine-tuning, not only after each epoch
    #[arg(long, value_name = "K")]
    pub(super) checkpoint_steps: Option<u32>,
    /// What an example of each class counts in the loss: balanced (rare classes as much as others), or a CSV file
    /// class,weight that names every class [default: all alike]
    #[arg(long, value_name = "balanced|FILE", value_hint = ValueHint::FilePath)]
    pub(super) class_weights: Option<PathBuf>,
    /// Which epoch's weights are kept [default: last; best with --recipe finetune]
    #[arg(long, value_enum)]
    pub(super) keep: Option<KeepArg>,
    /// Folder that the run's folder is made in
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) out: PathBuf,
    /// Name of the run's folder [default: DATA's name and a number]
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    pub(super) name: Option<String>,
    /// Take settings from a TOML file, such as a run's config.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(super) config: Option<PathBuf>,
    /// Set any setting of config.toml
    #[arg(long, value_name = "KEY=VALUE")]
    pub(super) set: Vec<String>,
    /// Show the run on a full screen of the terminal: curves, throughput, the time left; q stops and saves
    #[arg(long, conflicts_with_all = ["quiet", "log_json"])]
    pub(super) tui: bool,
    /// Go on with an interrupted run. Its settings stay; only --epochs, --time, --patience, --target-accuracy,
    /// --checkpoint-steps, --threads and --device may be new, and DATA and --val where the photos have moved
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath, conflicts_with_all = ["config", "set", "name", "out"])]
    pub(super) resume: Option<PathBuf>,
    #[command(flatten)]
    pub(super) photos: PhotoArgs,
}

/// What is trained.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum RecipeArg {
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
pub(super) enum HeadArg {
    /// Dense layers of the sizes in --hidden
    Mlp,
    /// One dense layer
    Linear,
    /// One dense layer, fitted straight to its optimum, the penalty chosen by cross-validation
    Logistic,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum KeepArg {
    /// The last: its validation accuracy is honest
    Last,
    /// The one with the best validation accuracy, which flatters that number
    Best,
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
