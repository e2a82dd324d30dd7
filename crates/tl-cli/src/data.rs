//! `tl data`: the photos themselves, before any training.

mod audit;
mod preview;
mod split;

use std::{path::Path, process::ExitCode};

use anyhow::Result;
use clap::Subcommand;
use tl_data::{List, ScanOptions, read_list, scan};

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

/// The photos of a folder or of a list, with the groups that a list names. One class is enough to look at.
fn find(data: &Path) -> Result<List> {
    let options = ScanOptions { min_classes: 1, ..ScanOptions::default() };
    match is_list(data) && data.is_file() {
        true => Ok(read_list(data, &options)?),
        false => Ok(List { folder: scan(data, &options)?, ..List::default() }),
    }
}

/// Lists are told by their names.
pub(crate) fn is_list(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("jsonl"))
}
