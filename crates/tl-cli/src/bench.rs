//! `tl bench`: how fast this machine is with your photos.

mod data;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use self::data::BenchDataArgs;
use crate::args::GlobalArgs;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Debug, Subcommand)]
enum BenchCommand {
    /// Decode and resize photos, on one thread and on all cores
    Data(BenchDataArgs),
}

pub(crate) fn run(args: &BenchArgs, global: &GlobalArgs) -> Result<ExitCode> {
    match &args.command {
        BenchCommand::Data(data) => data::run(data, global),
    }
}
