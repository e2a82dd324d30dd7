//! From arguments to settings.

use anyhow::{Result, bail};
use tl_train::{RunFolder, TrainOptions};

use super::TrainArgs;
use crate::{
    args::GlobalArgs,
    settings::{Settings, name_of},
};

/// Defaults, then the file, then `--set` and flags.
pub(super) fn options(args: &TrainArgs, global: &GlobalArgs) -> Result<TrainOptions> {
    let mut settings = Settings::default();
    if let Some(run) = &args.resume {
        settings.resumed(&RunFolder::open(run)?.config())?;
    }
    args.settings.lay_over(&mut settings, global)?;
    settings.flag("views", args.views.map(i64::from));
    if settings.text("augment") == Some("none") && args.views.is_some_and(|n| n > 0) {
        bail!("views of photos that are not augmented do not differ; give --augment light, or leave --views out");
    }
    settings.flag("checkpoint_steps", args.checkpoint_steps.map(i64::from));
    settings.flag("epochs", args.epochs.map(i64::from));
    settings.flag("patience", args.patience.map(i64::from));
    settings.flag("time_s", args.time);
    settings.flag("target_accuracy", args.target_accuracy);
    settings.flag("lr", args.lr);
    settings.flag("keep", args.keep.as_ref().map(name_of));
    if args.as_published {
        if settings.text("recipe").is_some_and(|recipe| recipe != "notebook") {
            bail!("--as-published is the recipe notebook; leave the other recipe, or --as-published, out");
        }
        settings.flag("recipe", Some("notebook"));
    }
    settings.finish(args.as_published)
}
