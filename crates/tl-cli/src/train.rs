//! `tl train`.

mod args;
mod dashboard;
mod duration;
pub(crate) mod eta;
mod json_log;
pub(crate) mod lines;
mod options;
mod recorder;
mod screen;
mod summary;

use std::{
    env,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use anyhow::{Result, bail};
use tl_data::DataError;
use tl_train::{Data, Observer, Outcome, Plan, RunFolder, RunInputs, TrainError, TrainOptions, train};

pub(crate) use self::args::TrainArgs;
use self::{
    dashboard::Dashboard, json_log::JsonLog, lines::resume_command, options::options, recorder::Recorder,
    screen::Screen, summary::summary,
};
use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    assets, cache, device, output, precision,
    progress::{COMPARING, Display},
    settings::{Settings, printed},
    signal, terminal,
};

pub(crate) fn run(args: &TrainArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let started = Instant::now();
    let mut options = options(args, global)?;
    let resumed = args.resume.as_deref().map(RunFolder::open).transpose()?;
    if let Some(folder) = resumed.as_ref().filter(|folder| folder.is_finished() && !args.print_config) {
        return finished(folder, &options);
    }
    if options.data.is_none() {
        options.data = Some(assets::default_sample(global)?);
    }
    if args.print_config {
        device::check(&options.device)?;
        output::result(&printed(Plan::new(options)?.options())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let device = device::settle(&mut options)?;
    precision::settle(&mut options, device, global);
    let plan = Plan::new(options)?;
    let load = || Data::load(plan.options(), cache::likeness(global)).map_err(|error| not_found(error, args));
    let data = Display::new(global).told(COMPARING, load)?;
    // From here on there is something to save; before, Ctrl-C ends tl at once.
    let stop = signal::stop_flag();
    let weights = assets::weights(global, plan.spec())?;
    let target = plan.options().target_accuracy;
    let folder = match resumed {
        Some(folder) => folder.locked()?,
        None => RunFolder::create(&args.out, args.name.as_deref(), &stem(plan.options()))?,
    };
    let mut observer = Recorder::new(folder.path(), args.resume.is_some(), view(args, global, &folder, &stop));
    let command = env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let cache = cache::open(global);
    let inputs = RunInputs { plan, data, weights, folder: folder.clone(), device, command, cache, started };
    let outcome = train(inputs, &mut observer, &stop);
    // A full screen has to make room for what comes now.
    drop(observer);
    match outcome {
        Ok(Outcome::Finished(metrics)) => {
            output::result(&summary(&metrics, target, &folder, &output::program()))?;
            Ok(ExitCode::SUCCESS)
        }
        Ok(Outcome::Interrupted { .. }) => Ok(ExitCode::from(EXIT_INTERRUPTED)),
        Err(error) => Err(give_up(error, folder, args.resume.is_some())),
    }
}

/// Nothing is left to do for a finished run, and other settings do not change it.
fn finished(folder: &RunFolder, options: &TrainOptions) -> Result<ExitCode> {
    let mut settings = Settings::default();
    settings.file(&folder.config())?;
    let path = folder.path().display();
    // Where it is computed, and when it is saved, does not change what came out.
    let TrainOptions { threads, device, checkpoint_steps, .. } = options.clone();
    let before = TrainOptions { threads, device, checkpoint_steps, ..settings.finish(false)? };
    if before != *options {
        bail!("the run in {path} is finished; train a new one for other settings");
    }
    output::note(&format!("The run in {path} is finished; its model is {}", folder.model().display()));
    Ok(ExitCode::SUCCESS)
}

/// What shows the run as it goes.
fn view(args: &TrainArgs, global: &GlobalArgs, folder: &RunFolder, stop: &Arc<AtomicBool>) -> Box<dyn Observer> {
    if global.log_json {
        return Box::new(JsonLog);
    }
    if args.tui {
        let dashboard = match terminal::is_there() {
            true => Dashboard::start(folder.path(), stop).map_err(|error| error.to_string()),
            false => Err("standard input and standard error must be one".to_owned()),
        };
        match dashboard {
            Ok(dashboard) => return Box::new(dashboard),
            Err(why) => output::note(&format!("--tui needs a terminal ({why}); here are lines instead.")),
        }
    }
    Box::new(Screen::new(Display::new(global), folder.path()))
}

/// Photos of a run that is gone on with may lie elsewhere by now.
fn not_found(error: TrainError, args: &TrainArgs) -> anyhow::Error {
    let is_missing = matches!(error, TrainError::Data(DataError::Missing { .. }));
    let error = anyhow::Error::from(error);
    match args.resume.as_ref().filter(|_| is_missing) {
        Some(run) => error.context(format!("where the photos have moved, say where to: {} DATA", resume_command(run))),
        None => error,
    }
}

/// A run that failed before it had anything to keep leaves no folder behind; any other says how to go on, which may
/// mean to start over.
fn give_up(error: TrainError, folder: RunFolder, is_resumed: bool) -> anyhow::Error {
    let path = folder.path().to_owned();
    if !is_resumed {
        folder.discard(&error);
    }
    // A checkpoint of numbers that are none leads nowhere, at whatever rate; one that does not fit says itself what to do.
    let says_itself = |error: &TrainError| {
        matches!(error, TrainError::Diverged { .. } | TrainError::Resume { .. } | TrainError::PhotosChanged { .. })
    };
    let leads_on = path.exists() && !says_itself(&error);
    let error = anyhow::Error::from(error);
    match leads_on {
        true => error.context(format!("the run failed; once that is mended, go on with {}", resume_command(&path))),
        false => error,
    }
}

/// The first part of the run's name: the data folder's.
fn stem(options: &TrainOptions) -> String {
    let data = options.data.as_deref().and_then(|data| fs_err::canonicalize(data).ok());
    let name = data.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "run".to_owned())
}
