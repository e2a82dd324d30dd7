//! `tl features merge`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::ValueHint;
use tl_features::FeatureTable;

use super::{FormatArg, format, save};

/// Puts the files of shards together, sorted by path: the bytes are those of a run without --shard.
#[derive(Debug, clap::Args)]
pub(crate) struct MergeArgs {
    /// File to write; its format may be another than that of the parts
    #[arg(value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// Files that `tl features` wrote
    #[arg(required = true, value_name = "PART", value_hint = ValueHint::FilePath)]
    parts: Vec<PathBuf>,
    /// Format of the file to write, when its name does not tell
    #[arg(long, value_enum, value_name = "F")]
    format: Option<FormatArg>,
}

pub(super) fn run(args: &MergeArgs) -> Result<ExitCode> {
    let out = format(&args.out, args.format)?;
    let open = |part: &PathBuf| Ok(FeatureTable::open(part, format(part, None)?)?);
    let parts = args.parts.iter().map(open).collect::<Result<Vec<_>>>()?;
    save(&FeatureTable::merge(&parts)?, &args.out, out)?;
    Ok(ExitCode::SUCCESS)
}
