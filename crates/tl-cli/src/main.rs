//! `tl`: transfer learning for photos, on the command line.
//!
//! This binary reads arguments, shows progress, handles signals and sets exit codes; the other crates do the work.
//! Exit codes: 0 done, 1 ran but too much was skipped or a check failed, 2 usage or input error, 130 interrupted.

#![allow(
    clippy::doc_markdown,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags,
    reason = "comments of arguments are their help, where backticks would be shown"
)]

mod args;
mod assets;
mod bench;
mod cache;
mod completions;
mod data;
mod device;
mod evaluate;
mod features;
mod imagenet_labels;
mod info;
mod label_args;
mod logging;
mod lr_find;
mod model;
mod names;
mod output;
mod photo_args;
mod precision;
mod predict;
mod progress;
mod setting_args;
mod settings;
mod signal;
mod skipped;
mod terminal;
mod threshold_args;
mod train;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

/// Ran, but a check failed or too much was skipped.
const EXIT_CHECK_FAILED: u8 = 1;
/// The input or the usage is wrong.
const EXIT_INPUT: u8 = 2;
/// Stopped by the user.
const EXIT_INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    tl_torch::skip_destructors();
    let args = Args::parse();
    let code = run(args).unwrap_or_else(|error| failure(&error));
    // Again, for libtorch may have been loaded since.
    tl_torch::skip_destructors();
    code
}

/// Says what went wrong, where that is something to be said.
fn failure(error: &anyhow::Error) -> ExitCode {
    if output::is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    output::error(error);
    ExitCode::from(EXIT_INPUT)
}

fn run(args: Args) -> anyhow::Result<ExitCode> {
    logging::start(args.global.log_json);
    tl_torch::keep_allocations();
    signal::outlive_size_limits();
    match args.command {
        Command::Train(train) => train::run(&train, &args.global),
        Command::LrFind(find) => lr_find::run(&find, &args.global),
        Command::Predict(predict) => predict::run(&predict, &args.global),
        Command::Evaluate(evaluate) => evaluate::run(&evaluate, &args.global),
        Command::Features(features) => features::run(&features, &args.global),
        Command::Data(data) => data::run(&data, &args.global),
        Command::Bench(bench) => bench::run(&bench, &args.global),
        Command::Cache(cache) => cache::run(&cache, &args.global),
        Command::Info(info) => info::run(&info, &args.global),
        Command::Completions(completions) => completions::run(&completions),
    }
}
