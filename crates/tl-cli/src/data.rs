//! `tl data`: the photos themselves, before any training.

mod audit;
mod preview;
mod split;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

use self::{audit::AuditArgs, preview::PreviewArgs, split::SplitArgs};
use crate::args::GlobalArgs;

/// What to do with the photos.
#[derive(Debug, clap::Args)]
pub(crate) struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Debug, Subcommand)]
enum DataCommand {
    /// Look for duplicates, leaks, double labels, broken and odd photos
    Audit(AuditArgs),
    /// Draw photos as a network sees them, augmented
    Preview(PreviewArgs),
    /// Write the list of which photos to train and to validate on
    Split(SplitArgs),
}

pub(crate) fn run(args: &DataArgs, global: &GlobalArgs) -> Result<ExitCode> {
    match &args.command {
        DataCommand::Audit(audit) => audit::run(audit, global),
        DataCommand::Preview(preview) => preview::run(preview, global),
        DataCommand::Split(split) => split::run(split, global),
    }
}
