//! `cargo xtask bench --peers`: tl and what people use today, side by side on the same photos.

mod contest;
mod measure;
mod table;
mod venv;

use std::path::PathBuf;

use anyhow::{Result, bail};
use fs_err as fs;

use self::{
    contest::{Contest, Place},
    measure::{Measured, measure},
};
use crate::workspace;

/// What to measure.
#[derive(Debug, Clone, clap::Args)]
pub struct BenchOptions {
    /// Measure tl and its peers in turn; `tl bench` measures tl alone
    #[arg(long, required = true)]
    peers: bool,
    /// Photos with a folder for training and one for validation, and a folder per class in each
    #[arg(long, default_value = "data/samples/pizza_steak_sushi")]
    data: PathBuf,
    /// The program to measure, built by `cargo build --release -p tl-cli`
    #[arg(long, default_value = "target/release/tl")]
    program: PathBuf,
    /// A Python that has the packages of `xtask/peers/requirements.txt`, instead of an environment built here
    #[arg(long)]
    python: Option<PathBuf>,
    /// Contests to hold: train, engine, engine-v2, finetune, notebook; all if none is named
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Times that each is run, in turn; the notebook takes minutes each
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Runs all contests and prints a table for each; true if every contestant went through.
///
/// # Errors
/// A program, photos or Python packages that are not there, and a contest that is not known. A contestant that fails is
/// no error.
pub fn run(options: &BenchOptions) -> Result<bool> {
    if !options.program.is_file() {
        bail!("there is no {}; build it with `cargo build --release -p tl-cli`", options.program.display());
    }
    let home = workspace::root().join("target/peers");
    fs::create_dir_all(&home)?;
    let python = match &options.python {
        Some(python) => python.clone(),
        None => venv::prepare(&home)?,
    };
    let runs = tempfile::tempdir_in(&home)?;
    let place = Place {
        program: fs::canonicalize(&options.program)?,
        data: fs::canonicalize(&options.data)?,
        scripts: workspace::root().join("xtask/peers"),
        models: venv::models(&python, &home)?,
        runs: runs.path().to_owned(),
        python,
    };
    let contests = contest::all(&place);
    if let Some(name) = options.only.iter().find(|name| contests.iter().all(|contest| contest.name != **name)) {
        let names: Vec<&str> = contests.iter().map(|contest| contest.name).collect();
        bail!("there is no contest {name:?}; there are: {}", names.join(", "));
    }
    let mut all_well = true;
    for contest in contests.iter().filter(|c| options.only.is_empty() || options.only.iter().any(|name| name == c.name))
    {
        let measured = hold(contest, &place, options.runs)?;
        all_well &= measured.iter().all(|runs| runs.len() == options.runs);
        println!("{}", table::markdown(contest, &measured));
    }
    Ok(all_well)
}

/// What each contestant took, run by run; those that failed are told of and left out.
fn hold(contest: &Contest, place: &Place, runs: usize) -> Result<Vec<Vec<Measured>>> {
    let mut measured = vec![Vec::new(); contest.contestants.len()];
    for run in 0..runs {
        for (contestant, measured) in contest.contestants.iter().zip(&mut measured) {
            eprintln!("{}: {}, {} of {runs}", contest.name, contestant.name, run + 1);
            if contestant.warms_up && run == 0 {
                // Under a number of its own: a run's folder is written once.
                let _ = measure(contestant, place, runs)?;
            }
            match measure(contestant, place, run)? {
                Ok(one) => measured.push(one),
                Err(output) => eprintln!("{} failed:\n{output}", contestant.name),
            }
        }
    }
    Ok(measured)
}
