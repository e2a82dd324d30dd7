//! The things that are fetched, each on a thread of its own.

use std::{collections::BTreeSet, time::Instant};

use anyhow::{Result, ensure};

use super::{FetchOptions, Outcome, Store, cuda, libtorch, samples, sources::in_words, weights};
use crate::{manifest::Manifest, progress::Task, workspace};

/// A thing to fetch.
#[derive(Debug, Clone, Copy)]
pub(super) enum Job<'a> {
    Libtorch,
    Cuda,
    Weights(&'a str),
    Sample(&'a str),
}

impl Job<'_> {
    fn name(&self) -> &str {
        match self {
            Job::Libtorch => "libtorch",
            Job::Cuda => "libtorch (CUDA)",
            Job::Weights(name) | Job::Sample(name) => name,
        }
    }

    fn run(&self, store: &Store, task: &Task) -> Result<Outcome> {
        match self {
            Job::Libtorch => libtorch::fetch(store, workspace::users_libtorch().as_deref(), task),
            Job::Cuda => cuda::fetch(store, workspace::users_libtorch().as_deref(), task),
            Job::Weights(name) => weights::fetch(store, name, task),
            Job::Sample(name) => samples::fetch(store, name, task),
        }
    }
}

/// What the options come to.
pub(super) fn plan<'a>(manifest: &'a Manifest, options: &'a FetchOptions) -> Result<Vec<Job<'a>>> {
    let defaults = manifest.weights.iter().filter(|(_, weights)| weights.default || options.all);
    let weights: BTreeSet<&str> = defaults.map(|(name, _)| name).chain(&options.weights).map(String::as_str).collect();
    let defaults = manifest.samples.iter().filter(|(_, sample)| sample.default);
    let samples: BTreeSet<&str> = defaults.map(|(name, _)| name).chain(&options.samples).map(String::as_str).collect();
    known("weights", &weights, manifest.weights.keys())?;
    known("samples", &samples, manifest.samples.keys())?;
    let mut jobs = vec![if options.cuda { Job::Cuda } else { Job::Libtorch }];
    jobs.extend(weights.into_iter().map(Job::Weights));
    jobs.extend(samples.into_iter().map(Job::Sample));
    Ok(jobs)
}

fn known<'a>(what: &str, asked: &BTreeSet<&str>, known: impl Iterator<Item = &'a String>) -> Result<()> {
    let known: Vec<&str> = known.map(String::as_str).collect();
    for name in asked {
        ensure!(known.contains(name), "no {what} are called {name:?}; there are {}", known.join(", "));
    }
    Ok(())
}

/// Whether it is here now, which the user is told.
pub(super) fn run_and_tell(store: &Store, job: Job) -> bool {
    let start = Instant::now();
    let task = store.progress.task(job.name());
    let result = job.run(store, &task);
    drop(task);
    let name = job.name();
    match &result {
        Ok(Outcome::AlreadyHere) => store.progress.say(&format!("{name}: already here")),
        Ok(Outcome::LeftAlone(why)) => store.progress.say(&format!("{name}: {why}")),
        Ok(Outcome::Fetched(notice)) => {
            let seconds = start.elapsed().as_secs_f64();
            store.progress.say(&format!("{name}: fetched and verified ({seconds:.1} s)"));
            if let Some(notice) = notice {
                store.progress.say(&format!("  {notice}"));
            }
        }
        Err(error) => store.progress.warn(&format!("{name}: {}", in_words(error))),
    }
    result.is_ok()
}
