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
    ///
    /// Looks at every photo once. Exit code 1 when something endangers a training: the same picture on both sides of a
    /// split or under two labels, or a file that cannot be used; 0 otherwise, whatever else is worth a look.
    Audit(AuditArgs),
    /// Draw photos as a network sees them, augmented
    Preview(PreviewArgs),
    /// Write the list of which photos to train and to validate on
    ///
    /// Writes a list path,label,split[,group] that `tl train FILE` takes. Equal files, photos that look alike and groups
    /// stay on one side, and a photo keeps its side when others are added.
    Split(SplitArgs),
}

pub(crate) fn run(args: &DataArgs, global: &GlobalArgs) -> Result<ExitCode> {
    match &args.command {
        DataCommand::Audit(audit) => audit::run(audit, global),
        DataCommand::Preview(preview) => preview::run(preview, global),
        DataCommand::Split(split) => split::run(split, global),
    }
}
