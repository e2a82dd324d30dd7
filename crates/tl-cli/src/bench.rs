//! `tl bench`: how fast this machine is with your photos.

mod bound;
mod data;
mod machine;
mod process;
mod report;
mod spread;
mod stage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Result, ensure};
use clap::{Subcommand, ValueHint};

use self::data::BenchDataArgs;
use crate::args::GlobalArgs;

/// Measures each stage on all cores, the whole pipeline, start-up and memory, and how near the pipeline comes to the
/// bound that follows from its stages.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: Option<BenchCommand>,
    /// A folder of photos, nested as it may be [default: the sample]
    #[arg(value_hint = ValueHint::DirPath)]
    data: Option<PathBuf>,
    /// Photos to take at most, spread over the folder
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Times that each row is measured; the table shows the median, the smallest and the largest
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Seconds for each row and time
    #[arg(long, value_name = "S", default_value_t = 0.3, value_parser = data::seconds)]
    seconds: f64,
    /// Pretrained network
    #[arg(long, value_name = "B", default_value = "mobilenet_v1")]
    backbone: String,
    /// Write the numbers as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Decode and resize photos, on one thread and on all cores
    Data(BenchDataArgs),
}

pub(crate) fn run(args: &BenchArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let device = global.device.as_deref().unwrap_or("auto");
    ensure!(["auto", "cpu"].contains(&device), "tl bench measures the processor; leave --device {device} out");
    match &args.command {
        Some(BenchCommand::Data(data)) => data::run(data, global),
        None => machine::run(args, global),
    }
}

/// Threads to measure with: as asked, else one per core.
fn n_threads(global: &GlobalArgs) -> usize {
    tl_data::n_threads(global.threads.unwrap_or(0))
}
