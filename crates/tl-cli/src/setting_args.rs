//! Settings of a run that have flags of their own wherever a run is begun or tried: on which photos, and what is trained.

use std::path::PathBuf;

use anyhow::Result;
use clap::{ValueEnum, ValueHint};

use crate::{
    args::GlobalArgs,
    names::{self, Names},
    photo_args::PhotoArgs,
    settings::{Settings, absolute, class_weights, full_name, name_of},
};

/// What to train on, and what.
#[derive(Debug, clap::Args)]
pub(crate) struct SettingArgs {
    /// A folder with a folder of photos per class, or with train/ and val/ (or valid/, test/) in it, or a list
    /// path,label[,split][,group] that ends in .csv or .jsonl [default: the fetched sample]
    #[arg(value_hint = ValueHint::AnyPath)]
    pub(crate) data: Option<PathBuf>,
    /// Validate on this folder instead of a part of DATA
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    val: Option<PathBuf>,
    /// Photos may have several classes, or none: DATA is a list, and its labels may be `a;b`, or empty
    #[arg(long, conflicts_with_all = ["val", "label_pattern"])]
    multi_label: bool,
    /// Classes to use, in this order; a name with a comma is in quotes [default: all, sorted]
    #[arg(long, value_name = "NAMES")]
    classes: Vec<Names>,
    /// Take labels from paths, by the group `label` of a regular expression: '^(?P<label>[a-z]+)_'
    #[arg(long, value_name = "REGEX", conflicts_with = "val")]
    label_pattern: Option<String>,
    /// What is trained; every other setting's default follows from it, as --print-config shows [default: features]
    #[arg(long, value_enum, value_name = "R")]
    recipe: Option<RecipeArg>,
    /// Pretrained network: mobilenet_v1, mobilenet_v2 or mobilenet_v3_small [default: mobilenet_v1]
    #[arg(long, value_name = "B")]
    backbone: Option<String>,
    /// Shape of the head [default: mlp]
    #[arg(long, value_enum, value_name = "H")]
    head: Option<HeadArg>,
    /// Hidden sizes of the mlp head [default: 1024,1024,512]
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    hidden: Option<Vec<u32>>,
    /// Photos per step, or `auto` for what fits into memory [default: 32]
    #[arg(long, value_name = "N|auto", value_parser = batch_size)]
    batch_size: Option<u32>,
    /// Seed of the split, the head's first weights and the order of photos [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u32>,
    /// Part of each class held out when there is no validation folder; 0 for none [default: 0.2]
    #[arg(long, value_name = "F")]
    val_fraction: Option<f64>,
    /// Layers of the backbone that stay as they are: all, none, N, stage:K or name:REGEX; N counts as Keras
    /// does, K stages, and `tl info --layers B` lists them
    #[arg(long, value_name = "WHAT")]
    freeze: Option<String>,
    /// Changes to the training photos, as in `tl data preview`: light, standard, strong or steps; while the backbone is
    /// trained new ones in each epoch, else so many as --views says
    #[arg(long, value_name = "A")]
    augment: Option<String>,
    /// What an example of each class counts in the loss: balanced (rare classes as much as others), or a CSV file
    /// class,weight that names every class [default: all alike]
    #[arg(long, value_name = "balanced|FILE", value_hint = ValueHint::FilePath)]
    class_weights: Option<PathBuf>,
    /// Take settings from a TOML file, such as a run's config.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Set any setting of config.toml
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    photos: PhotoArgs,
}

/// What is trained.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RecipeArg {
    /// A head on the features of the frozen backbone, computed once
    Features,
    /// That, then the backbone too, stage by stage, gently
    Finetune,
    /// The Keras notebook: first 20 layers frozen, the rest trained with BatchNorm in training mode
    Notebook,
    /// The same network from random weights
    Scratch,
}

/// Shape of the head.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum HeadArg {
    /// Dense layers of the sizes in --hidden
    Mlp,
    /// One dense layer
    Linear,
    /// One dense layer, fitted straight to its optimum, the penalty chosen by cross-validation
    Logistic,
}

impl SettingArgs {
    /// Lays the file, then `--set` and flags over what there is.
    pub(crate) fn lay_over(&self, settings: &mut Settings, global: &GlobalArgs) -> Result<()> {
        if let Some(file) = &self.config {
            settings.file(file)?;
        }
        self.set.iter().try_for_each(|text| settings.assignment(text))?;
        settings.flag("data", self.data.as_deref().map(absolute).transpose()?);
        settings.flag("val", self.val.as_deref().map(absolute).transpose()?);
        settings.flag("multi_label", self.multi_label.then_some(true));
        settings.flag("classes", names::all(&self.classes));
        settings.flag("label_pattern", self.label_pattern.clone());
        settings.flag("max_skipped", self.photos.allowed());
        settings.flag("partial", self.photos.partial.then_some(true));
        settings.flag("recipe", self.recipe.as_ref().map(name_of));
        settings.flag("freeze", self.freeze.clone());
        settings.flag("augment", self.augment.clone());
        settings.flag("backbone", self.backbone.as_deref().map(full_name));
        settings.flag("head", self.head.as_ref().map(name_of));
        settings.flag("hidden", self.hidden.clone().map(|sizes| sizes.into_iter().map(i64::from).collect::<Vec<_>>()));
        settings.flag("batch_size", self.batch_size.map(i64::from));
        settings.flag("seed", self.seed.map(i64::from));
        settings.flag("val_fraction", self.val_fraction);
        settings.flag("class_weights", self.class_weights.as_deref().map(class_weights).transpose()?);
        settings.flag("precision", global.precision.as_ref().map(name_of));
        settings.flag("threads", global.threads.map(|n| n as i64));
        settings.flag("device", global.device.clone());
        Ok(())
    }
}

/// A number, or 0 for `auto`.
fn batch_size(text: &str) -> Result<u32, String> {
    match text.parse() {
        _ if text == "auto" => Ok(0),
        Ok(n) if n > 0 => Ok(n),
        _ => Err("it is a number from 1 on, or auto".to_owned()),
    }
}
