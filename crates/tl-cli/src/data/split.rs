//! `tl data split`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf, absolute},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use clap::ValueHint;
use serde_json::json;
use tl_data::{
    DecodeOptions, FoldOptions, Folder, List, Sample, Split, SplitOptions, Together, is_list, stratified_folds,
    stratified_split, stratified_split_by_sets, write_atomically,
};

use crate::{
    args::GlobalArgs,
    cache,
    label_args::{LabelArgs, SeveralArgs},
    output,
    progress::{COMPARING, Display},
    skipped::{self, plural},
};

/// Which photos to split, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct SplitArgs {
    /// A folder with a folder of photos per class, or a list path,label[,group] that ends in .csv or .jsonl
    #[arg(value_hint = ValueHint::AnyPath)]
    data: PathBuf,
    /// List to write: CSV, or JSON lines when it ends in .jsonl. With --folds, one list per fold: photos.csv becomes
    /// photos-fold1.csv and so on
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: PathBuf,
    /// Part of each class to validate on
    #[arg(long, value_name = "F", default_value_t = 0.2, conflicts_with = "folds")]
    val_fraction: f64,
    /// Cut into K folds, each validated on once, instead of one split
    #[arg(long, value_name = "K")]
    folds: Option<usize>,
    /// Another seed gives another split
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Photos whose likeness differs in at most so many of 128 edges stay together; 0 compares files alone
    #[arg(long, value_name = "EDGES", default_value_t = 10)]
    near_duplicates: u32,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    several: SeveralArgs,
}

pub(crate) fn run(args: &SplitArgs, global: &GlobalArgs) -> Result<ExitCode> {
    if !is_list(&args.out) {
        bail!("{} must end in .csv or .jsonl, which is how a list is told", args.out.display());
    }
    let List { folder, groups } = args.labels.look(&args.data, args.several.labels())?;
    if folder.val.is_some() {
        bail!("{} has its validation photos already; give its train folder to split that", args.data.display());
    }
    skipped::say(&folder.skipped, None);
    let together = Together {
        groups: groups.clone(),
        near_duplicates: Some(args.near_duplicates).filter(|bits| *bits > 0),
        decode: DecodeOptions::default(),
        memo: cache::likeness(global),
        n_threads: global.threads.unwrap_or(0),
    };
    let display = Display::new(global);
    let writer = Writer { folder: &folder, groups: &groups };
    let Some(k) = args.folds else {
        let options =
            SplitOptions { val_fraction: args.val_fraction, seed: args.seed, together, ..SplitOptions::default() };
        let Split { train, val, .. } = display.told(COMPARING, || match &folder.label_sets {
            Some(sets) => stratified_split_by_sets(folder.train.clone(), sets, &options),
            None => stratified_split(folder.train.clone(), &folder.classes, &options),
        })?;
        say_unseen(&folder, &val);
        writer.write(&args.out, &train, &val)?;
        return Ok(ExitCode::SUCCESS);
    };
    let options = FoldOptions { k, seed: args.seed, together };
    let folds = display.told(COMPARING, || stratified_folds(&folder.train, &options))?;
    for fold in 0..k {
        let (train, val) = folds.round(fold);
        let chosen = |positions: Vec<usize>| positions.into_iter().map(|i| folder.train[i].clone()).collect::<Vec<_>>();
        let (train, val) = (chosen(train), chosen(val));
        say_unlearnt(fold + 1, &folder, &train);
        writer.write(&fold_name(&args.out, fold + 1), &train, &val)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which classes have no photo to validate on, as training does.
fn say_unseen(folder: &Folder, val: &[Sample]) {
    let unseen: Vec<&str> = without(folder, val).collect();
    if !unseen.is_empty() {
        let problem = format!("no photo to validate on is of {}; the accuracy says nothing of that", unseen.join(", "));
        output::careful("split", &problem);
    }
}

/// Says which classes have photos in one fold alone: they cannot be learnt from the others.
fn say_unlearnt(fold: usize, folder: &Folder, train: &[Sample]) {
    for class in without(folder, train) {
        let problem = format!("all photos of {class} are in fold {fold}, whose list cannot be trained on");
        output::careful("fold", &problem);
    }
}

/// The classes that none of the photos has, though others have.
fn without<'a>(folder: &'a Folder, samples: &[Sample]) -> impl Iterator<Item = &'a str> {
    let counts = folder.counts(&folder.train).into_iter().zip(folder.counts(samples));
    let classes = folder.classes.iter().zip(counts).filter(|(_, (n, n_here))| *n > 0 && *n_here == 0);
    classes.map(|(class, _)| class.as_str())
}

/// `photos.csv` and 2 to `photos-fold2.csv`.
fn fold_name(out: &Path, fold: usize) -> PathBuf {
    let part = |part: Option<&std::ffi::OsStr>| part.unwrap_or_default().to_string_lossy().into_owned();
    out.with_file_name(format!("{}-fold{fold}.{}", part(out.file_stem()), part(out.extension())))
}

/// Writes lists of one data set.
struct Writer<'a> {
    folder: &'a Folder,
    groups: &'a BTreeMap<PathBuf, String>,
}

impl Writer<'_> {
    fn write(&self, file: &Path, train: &[Sample], val: &[Sample]) -> Result<()> {
        let home = absolute(file)?.parent().unwrap_or(Path::new("/")).to_owned();
        let parts = train.iter().map(|sample| ("train", sample)).chain(val.iter().map(|sample| ("val", sample)));
        let rows = parts.map(|(part, sample)| self.row(&home, part, sample)).collect::<Result<Vec<_>>>()?;
        let text = match file.extension().is_some_and(|e| e.eq_ignore_ascii_case("jsonl")) {
            true => self.as_json_lines(&rows),
            false => self.as_csv(&rows)?,
        };
        write_atomically(file, |out| out.write_all(&text))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        let (n_train, n_val) = (plural(train.len(), "photo"), val.len());
        output::result(&format!("Wrote {}: {n_train} to train on, {n_val} to validate on\n", file.display()))
    }

    /// The columns of one photo: path, label, split, group.
    fn row(&self, home: &Path, part: &'static str, sample: &Sample) -> Result<[String; 4]> {
        let path = absolute(&sample.path)?;
        let path = path.strip_prefix(home).unwrap_or(&path);
        let Some(text) = path.to_str() else {
            bail!("{} is not UTF-8, which a list cannot hold; rename it", sample.path.display());
        };
        let group = self.groups.get(&sample.path).cloned().unwrap_or_default();
        Ok([text.to_owned(), self.folder.name(sample.label), part.to_owned(), group])
    }

    /// The group's column is there when there are groups.
    fn n_columns(&self) -> usize {
        if self.groups.is_empty() { 3 } else { 4 }
    }

    fn as_csv(&self, rows: &[[String; 4]]) -> Result<Vec<u8>> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(&["path", "label", "split", "group"][..self.n_columns()])?;
        rows.iter().try_for_each(|row| writer.write_record(&row[..self.n_columns()]))?;
        Ok(writer.into_inner()?)
    }

    fn as_json_lines(&self, rows: &[[String; 4]]) -> Vec<u8> {
        let line = |[path, label, split, group]: &[String; 4]| match self.n_columns() {
            3 => json!({"path": path, "label": label, "split": split}),
            _ => json!({"path": path, "label": label, "split": split, "group": group}),
        };
        rows.iter().flat_map(|row| (line(row).to_string() + "\n").into_bytes()).collect()
    }
}
