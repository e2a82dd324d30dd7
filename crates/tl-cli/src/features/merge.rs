//! `tl features merge`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::ValueHint;
use tl_features::FeatureTable;

use super::{FormatArg, export_format, output_file::OutputFile};

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
    let out = OutputFile::new(&args.out, export_format(&args.out, args.format)?)?;
    // The paths of an .npy are in the file beside it.
    let read = args.parts.iter().flat_map(|part| [part.clone(), part.with_extension("csv")]);
    let read: Vec<PathBuf> = read.collect();
    out.check_apart(read.iter().map(PathBuf::as_path))?;
    let open = |part: &PathBuf| Ok(FeatureTable::open(part, export_format(part, None)?)?);
    let parts = args.parts.iter().map(open).collect::<Result<Vec<_>>>()?;
    out.save(&FeatureTable::merge(&parts)?)?;
    Ok(ExitCode::SUCCESS)
}
