//! `tl lr-find`.

mod command;
mod plot;

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::ValueHint;
use tl_data::write_atomically;
use tl_train::{Data, Event, LrCurve, LrFindInputs, Plan, Recipe, TrainOptions, lr_find};

use self::{command::command, plot::svg};
use crate::{
    EXIT_INTERRUPTED,
    args::GlobalArgs,
    assets, cache, device, output, precision,
    progress::{COMPARING, Display, PhotoProgress},
    setting_args::SettingArgs,
    settings::Settings,
    signal,
    train::lines::lines,
};

/// What to try learning rates on.
#[derive(Debug, clap::Args)]
pub(crate) struct LrFindArgs {
    #[command(flatten)]
    settings: SettingArgs,
    /// Steps from the lowest rate, 1e-7, to the highest, 10
    #[arg(long, value_name = "N", default_value_t = 100)]
    steps: usize,
    /// Where the curve goes: a picture (.svg) or numbers (.csv)
    #[arg(long, value_name = "FILE", default_value = "lr-find.svg", value_hint = ValueHint::FilePath)]
    out: PathBuf,
}

pub(crate) fn run(args: &LrFindArgs, global: &GlobalArgs) -> Result<ExitCode> {
    let write = writer(&args.out)?;
    let mut settings = Settings::default();
    args.settings.lay_over(&mut settings, global)?;
    let mut options = settings.finish(false)?;
    if options.data.is_none() {
        options.data = Some(assets::default_sample(global)?);
    }
    let device = device::settle(&mut options)?;
    precision::settle(&mut options, device, global);
    let plan = Plan::new(options)?;
    let display = Display::new(global);
    let data = display.told(COMPARING, || Data::load(plan.options(), cache::likeness(global)))?;
    let stop = signal::stop_flag();
    let weights = assets::weights(global, plan.spec())?;
    let (n_photos, of_backbone) = (data.train.len(), of_backbone(plan.options()));
    let cache = cache::open(global);
    let inputs = LrFindInputs { plan, data, weights, device, cache: cache.clone() };
    let mut bar = PhotoProgress::new(n_photos, "Reading", display);
    let mut observer = |event: &Event<'_>| match event {
        Event::Extracting { n_done, .. } => bar.set(*n_done),
        Event::BatchSize { .. } => lines(event, Path::new("")).iter().for_each(|line| output::note(line)),
        _ => {}
    };
    let curve = lr_find(&inputs, args.steps, &mut observer, &stop);
    bar.clear();
    cache::say_problem(cache.as_ref());
    let Some(curve) = curve? else { return Ok(ExitCode::from(EXIT_INTERRUPTED)) };
    write_atomically(&args.out, |out| write(&curve, out))
        .with_context(|| format!("{} cannot be written", args.out.display()))?;
    output::result(&summary(&curve, n_photos, of_backbone, args))?;
    Ok(ExitCode::SUCCESS)
}

type WriteCurve = fn(&LrCurve, &mut dyn Write) -> std::io::Result<()>;

/// How a file of this name is written.
fn writer(out: &Path) -> Result<WriteCurve> {
    match out.extension().and_then(|extension| extension.to_str()) {
        Some("svg") => Ok(|curve, out| out.write_all(svg(curve).as_bytes())),
        Some("csv") => Ok(|curve, out| {
            let mut csv = csv::Writer::from_writer(out);
            curve.points.iter().try_for_each(|point| csv.serialize(point))?;
            csv.flush()
        }),
        _ => bail!("{} is neither a picture nor numbers; end it in .svg or .csv", out.display()),
    }
}

/// The backbone's rate as part of the head's, where both are trained.
fn of_backbone(options: &TrainOptions) -> Option<f64> {
    (options.recipe != Recipe::Features).then_some(options.backbone_lr / options.lr)
}

/// What the higher suggestion is a tenth of.
fn of_tenth(curve: &LrCurve) -> &'static str {
    if curve.falls() { "the lowest loss's rate" } else { "the last harmless rate" }
}

fn summary(curve: &LrCurve, n_photos: usize, of_backbone: Option<f64>, args: &LrFindArgs) -> String {
    let n = curve.points.len();
    let last = curve.points.last().map_or(0.0, |point| point.learning_rate);
    let end = if n < args.steps { ", where the loss diverged" } else { "" };
    let no_fall = "none: the loss falls by no more than batches differ, as that of a fitted head does";
    let no_rise = "none: the loss grows from the first rates on, or at none; more --steps show it better";
    let rate = |rate: Option<f64>, none: &str| rate.map_or_else(|| none.to_owned(), |rate| format!("{rate:.1e}"));
    let mut lines = vec![
        format!("Tried {n} learning rates from 1e-7 to {last:.1e} on {n_photos} photos{end}"),
        format!("Steepest descent of the loss      {}", rate(curve.steepest(), no_fall)),
        format!("A tenth of {} {}", of_tenth(curve), rate(curve.tenth_of_lowest(), no_rise)),
        format!("Curve                             {}", args.out.display()),
    ];
    if let Some(found) = curve.suggestion() {
        let typed = env::args_os().map(|word| word.to_string_lossy().into_owned());
        lines.push(format!("Try it                            {}", command(typed, found, of_backbone)));
    }
    lines.join("\n") + "\n"
}
