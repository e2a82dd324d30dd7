//! `cargo xtask`: the chores of this project.

#![allow(clippy::print_stderr, reason = "a command-line program prints")]

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xtask::bench::BenchOptions;
use xtask::fetch::FetchOptions;
use xtask::kill_test::KillOptions;
use xtask::{bench, ci, doctor, fetch, kill_test};

/// Chores of the tl project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Bring libtorch, weights and sample photos into data/, each verified by its hash.
    Fetch(FetchOptions),
    /// Say what is here, what is missing, and how to get it.
    Doctor,
    /// Fetch what the tests need, then check the format, the lints, the tests and the documentation.
    Ci,
    /// Kill fine-tuning at random moments, resume it each time, and compare with a run that was left alone.
    KillTest(KillOptions),
    /// Measure tl and what people use today side by side, on the same photos.
    Bench(BenchOptions),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().chore {
        Chore::Fetch(options) => fetch::run(&options),
        Chore::Doctor => doctor::run(),
        Chore::Ci => ci::run(),
        Chore::KillTest(options) => kill_test::run(&options),
        Chore::Bench(options) => bench::run(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
