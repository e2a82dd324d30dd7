//! From arguments to settings.

use std::path::Path;

use anyhow::{Result, bail};
use clap::ValueEnum;
use tl_train::{RunFolder, TrainOptions};
use toml::Value;

use super::TrainArgs;
use crate::{args::GlobalArgs, model::backbone, settings::Settings};

/// Defaults, then the file, then `--set` and flags.
pub(super) fn options(args: &TrainArgs, global: &GlobalArgs) -> Result<TrainOptions> {
    let mut settings = Settings::default();
    if let Some(run) = &args.resume {
        settings.resumed(&RunFolder::open(run)?.config())?;
    }
    if let Some(file) = &args.config {
        settings.file(file)?;
    }
    args.set.iter().try_for_each(|text| settings.assignment(text))?;
    settings.flag("data", args.data.as_deref().map(absolute).transpose()?);
    settings.flag("val", args.val.as_deref().map(absolute).transpose()?);
    settings.flag("multi_label", args.multi_label.then_some(true));
    settings.flag("classes", args.classes.clone());
    settings.flag("label_pattern", args.label_pattern.clone());
    settings.flag("max_skipped", args.photos.allowed());
    settings.flag("partial", args.photos.partial.then_some(true));
    settings.flag("recipe", args.recipe.as_ref().map(name_of));
    settings.flag("freeze", args.freeze.clone());
    settings.flag("augment", args.augment.clone());
    settings.flag("checkpoint_steps", args.checkpoint_steps.map(i64::from));
    settings.flag("backbone", args.backbone.as_deref().map(full_name));
    settings.flag("head", args.head.as_ref().map(name_of));
    settings.flag("hidden", args.hidden.clone().map(|sizes| sizes.into_iter().map(i64::from).collect::<Vec<_>>()));
    settings.flag("epochs", args.epochs.map(i64::from));
    settings.flag("patience", args.patience.map(i64::from));
    settings.flag("time_s", args.time);
    settings.flag("target_accuracy", args.target_accuracy);
    settings.flag("batch_size", args.batch_size.map(i64::from));
    settings.flag("lr", args.lr);
    settings.flag("seed", args.seed.map(i64::from));
    settings.flag("val_fraction", args.val_fraction);
    settings.flag("views", args.views.map(i64::from));
    settings.flag("class_weights", args.class_weights.as_deref().map(class_weights).transpose()?);
    settings.flag("keep", args.keep.as_ref().map(name_of));
    settings.flag("precision", global.precision.as_ref().map(name_of));
    settings.flag("threads", global.threads.map(|n| n as i64));
    settings.flag("device", global.device.clone());
    if args.as_published {
        if settings.text("recipe").is_some_and(|recipe| recipe != "notebook") {
            bail!("--as-published is the recipe notebook; leave the other recipe, or --as-published, out");
        }
        settings.flag("recipe", Some("notebook"));
    }
    settings.finish(args.as_published)
}

/// The word that an argument's value is typed as, which is also what the settings call it.
pub(crate) fn name_of(value: &impl ValueEnum) -> Value {
    let name = value.to_possible_value().map(|v| v.get_name().to_owned());
    Value::String(name.unwrap_or_default())
}

/// The full name of a backbone; one that is not known is left for the plan to report with the other problems.
pub(crate) fn full_name(name: &str) -> String {
    backbone(name).map_or_else(|_| name.to_owned(), |spec| spec.name.to_owned())
}

/// A run must find its photos again from another working folder.
pub(crate) fn absolute(path: &Path) -> Result<Value> {
    let path = std::path::absolute(path)?;
    match path.to_str() {
        Some(text) => Ok(Value::String(text.to_owned())),
        None => anyhow::bail!("the name of {} is not UTF-8, which config.toml cannot hold; rename it", path.display()),
    }
}

/// A word, or a file that must be found again from another working folder.
pub(crate) fn class_weights(typed: &Path) -> Result<Value> {
    match typed.to_str() {
        Some(word @ ("none" | "balanced")) => Ok(Value::String(word.to_owned())),
        _ => absolute(typed),
    }
}
