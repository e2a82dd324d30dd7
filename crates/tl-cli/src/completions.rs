//! `tl completions`.

use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{args::Args, output};

/// The shell to complete in.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode> {
    let mut text = Vec::new();
    generate(args.shell, &mut Args::command(), "tl", &mut text);
    output::result(&String::from_utf8(text)?)?;
    Ok(ExitCode::SUCCESS)
}
