//! What may be typed.

use std::{env, path::PathBuf};

use clap::{
    Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};

use crate::{
    bench::BenchArgs, cache::CacheArgs, completions::CompletionsArgs, data::DataArgs, evaluate::EvaluateArgs,
    features::FeaturesArgs, info::InfoArgs, lr_find::LrFindArgs, predict::PredictArgs, train::TrainArgs,
};

/// Transfer learning for photos: a folder of photos becomes a classifier that you can trust, carry away and run.
#[derive(Debug, Parser)]
#[command(name = "tl", version, max_term_width = 100, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct GlobalArgs {
    /// Folder that holds `weights` and `samples` [default: $TL_ASSETS, else the workspace's `data`]
    #[arg(long, value_name = "DIR", global = true, value_parser = folder())]
    assets: Option<PathBuf>,
    /// Threads that read photos and run the network; 0 takes one per core
    #[arg(long, value_name = "N", global = true)]
    pub(crate) threads: Option<usize>,
    /// Where to compute: auto, cpu, cuda or cuda:N. auto takes a GPU, if there is one, to train the network, and the
    /// processor for all that a frozen one does [default: auto]
    #[arg(long, value_name = "DEVICE", global = true)]
    pub(crate) device: Option<String>,
    /// Arithmetic of the network [default: auto; of a trained model what it was trained in]
    #[arg(long, value_enum, value_name = "P", global = true)]
    pub(crate) precision: Option<PrecisionArg>,
    /// Folder that keeps features, so that no photo is run through a network twice [default: $TL_CACHE, else the user's
    /// cache folder]
    #[arg(long, value_name = "DIR", global = true, value_parser = folder())]
    cache: Option<PathBuf>,
    /// Compute all features, and keep none
    #[arg(long, global = true)]
    pub(crate) no_cache: bool,
    /// Say nothing but results and errors
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Write what happens as JSON lines to standard error
    #[arg(long, global = true)]
    pub(crate) log_json: bool,
}

impl GlobalArgs {
    /// The folder of `assets`, where one was named.
    pub(crate) fn assets(&self) -> Option<PathBuf> {
        named(self.assets.as_ref(), "TL_ASSETS")
    }

    /// The same of `cache`.
    pub(crate) fn cache(&self) -> Option<PathBuf> {
        named(self.cache.as_ref(), "TL_CACHE")
    }
}

/// The folder that was typed, else that of the variable; what is set to nothing says nothing. clap reads variables, too,
/// but shows them in the usage of every error as if the flags were required.
fn named(typed: Option<&PathBuf>, variable: &str) -> Option<PathBuf> {
    let folder = typed.cloned().or_else(|| env::var_os(variable).map(PathBuf::from));
    folder.filter(|folder| !folder.as_os_str().is_empty())
}

/// A folder, or nothing.
fn folder() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// Arithmetic of the network.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PrecisionArg {
    /// The fastest here of f32, int16 and bf16
    Auto,
    /// 32-bit floats
    F32,
    /// bfloat16
    Bf16,
    /// 16-bit floats, on GPUs only
    F16,
    /// 16-bit integers with exact sums: nearer to f32 than bf16
    Int16,
    /// 8-bit integers, V1 and V2 only: faster and less exact
    Int8,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Train a classifier on a folder of photos
    Train(Box<TrainArgs>),
    /// Try learning rates on a folder of photos, and draw their losses
    LrFind(Box<LrFindArgs>),
    /// Say what is on photos
    Predict(PredictArgs),
    /// Measure a model on photos whose classes are known
    Evaluate(EvaluateArgs),
    /// Write the features of photos for other programs
    Features(Box<FeaturesArgs>),
    /// Check, preview and split photos
    Data(DataArgs),
    /// Measure the speed of this machine
    Bench(BenchArgs),
    /// Look after the features that are kept
    Cache(CacheArgs),
    /// Show what a model is and where it came from
    Info(InfoArgs),
    /// Print the completions of a shell
    Completions(CompletionsArgs),
}
