//! The arguments of `tl train`.

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};

use super::duration::duration;
use crate::setting_args::SettingArgs;

/// What to train on, and how.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct TrainArgs {
    #[command(flatten)]
    pub(super) settings: SettingArgs,
    /// The recipe notebook with the two slips of the published one: photos of 223 pixels (there 223 by 224) and nothing
    /// frozen
    #[arg(long)]
    pub(super) as_published: bool,
    /// Print every setting of the run as TOML, and do nothing else
    #[arg(long)]
    pub(super) print_config: bool,
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
    /// Highest learning rate [default: with Adam 0.0003 for the mlp head, more for narrower ones, 0.005 for a linear one;
    /// 0.001 with --recipe notebook or scratch]
    #[arg(long, value_name = "X")]
    pub(super) lr: Option<f64>,
    /// Augmented views of each photo for the head to learn from, computed once; each epoch draws one [default: 4 with
    /// --augment and a frozen backbone, else 0]
    #[arg(long, value_name = "K")]
    pub(super) views: Option<u32>,
    /// Also write a checkpoint every K steps of fine-tuning, not only after each epoch
    #[arg(long, value_name = "K")]
    pub(super) checkpoint_steps: Option<u32>,
    /// Which epoch's weights are kept [default: last; best with --recipe finetune]
    #[arg(long, value_enum)]
    pub(super) keep: Option<KeepArg>,
    /// Folder that the run's folder is made in
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    pub(super) out: PathBuf,
    /// Name of the run's folder [default: DATA's name and a number]
    #[arg(long, value_name = "NAME", value_parser = folder_name)]
    pub(super) name: Option<String>,
    /// Show the run on a full screen of the terminal: curves, throughput, the time left; q stops and saves
    #[arg(long, conflicts_with_all = ["quiet", "log_json"])]
    pub(super) tui: bool,
    /// Go on with an interrupted run. Its settings stay; only --epochs, --time, --patience, --target-accuracy,
    /// --checkpoint-steps, --threads and --device may be new, and DATA and --val where the photos have moved
    #[arg(long, value_name = "RUN", value_hint = ValueHint::DirPath, conflicts_with_all = ["config", "set", "name", "out"])]
    pub(super) resume: Option<PathBuf>,
}

/// Which epoch's weights are kept.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum KeepArg {
    /// The last: its validation accuracy is honest
    Last,
    /// The one with the best validation accuracy, which flatters that number
    Best,
}

fn folder_name(text: &str) -> Result<String, String> {
    match Path::new(text).components().count() == 1 && !text.starts_with('.') && text != "latest" {
        true => Ok(text.to_owned()),
        false => {
            Err("a run's name is the name of one folder, and not `latest`; --out says where it is made".to_owned())
        }
    }
}
