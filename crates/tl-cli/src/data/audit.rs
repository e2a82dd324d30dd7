//! `tl data audit`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::ValueHint;
use tl_audit::{AuditError, AuditOptions, audit};
use tl_data::write_atomically;

use crate::{
    EXIT_CHECK_FAILED, EXIT_INTERRUPTED,
    args::GlobalArgs,
    label_args::{LabelArgs, SeveralArgs},
    output,
    progress::{Display, PhotoProgress},
    signal,
};

/// Looks at every photo once.
#[derive(Debug, clap::Args)]
pub(crate) struct AuditArgs {
    /// A folder with a folder of photos per class, or with train/ and val/ (or valid/, test/) in it, or a list
    /// path,label[,split][,group] that ends in .csv or .jsonl
    #[arg(value_hint = ValueHint::AnyPath)]
    data: PathBuf,
    /// Write all findings as JSON, instead of text with the first of each kind
    #[arg(long)]
    json: bool,
    /// Write a web page with small pictures of what was found
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    html: Option<PathBuf>,
    /// Photos whose likeness differs in at most so many of 128 edges are the same picture; 0 compares files alone
    #[arg(long, value_name = "EDGES", default_value_t = 10)]
    near_duplicates: u32,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    several: SeveralArgs,
}

pub(crate) fn run(args: &AuditArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let folder = args.labels.look(&args.data, args.several.labels())?.folder;
    let options = AuditOptions {
        near_duplicates: Some(args.near_duplicates).filter(|bits| *bits > 0),
        n_threads: global.threads.unwrap_or(0),
        ..AuditOptions::default()
    };
    let parts = [Some(&folder.train), folder.val.as_ref(), folder.test.as_ref()];
    let n_photos = parts.into_iter().flatten().map(Vec::len).sum();
    let stop = signal::stop_flag();
    let mut progress = PhotoProgress::new(n_photos, "Looking", Display::new(global));
    let result = audit(&folder, &options, &mut |n| progress.set(n), &stop);
    progress.clear();
    let audit = match result {
        Err(AuditError::Stopped { .. }) => return Ok(ExitCode::from(EXIT_INTERRUPTED)),
        result => result?,
    };
    if let Some(file) = &args.html {
        write_atomically(file, |out| out.write_all(audit.to_html().as_bytes()))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        Display::new(global).line(&format!("Wrote {}", file.display()));
    }
    output::result(&match args.json {
        true => serde_json::to_string_pretty(&audit)? + "\n",
        false => audit.to_text(),
    })?;
    Ok(ExitCode::from(if audit.endangers_training() { EXIT_CHECK_FAILED } else { 0 }))
}
