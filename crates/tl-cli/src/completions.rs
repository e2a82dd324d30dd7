//! `tl completions`.

use std::{io, process::ExitCode};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::args::Args;

/// The shell to complete in.
#[derive(Debug, clap::Args)]
pub(crate) struct CompletionsArgs {
    /// Shell to complete in
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs) -> ExitCode {
    generate(args.shell, &mut Args::command(), "tl", &mut io::stdout());
    ExitCode::SUCCESS
}
