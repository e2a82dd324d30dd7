//! What photos are labelled by, and which labels count: the same flags for every command that reads labelled photos and
//! has no settings for it.

use std::path::Path;

use tl_data::{DataError, Labels, List, ScanOptions, read_data};

use crate::names::{self, Names};

/// Where labels come from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Labels")]
pub(crate) struct LabelArgs {
    /// Classes to use; photos of others are left out, and a name with a comma is in quotes [default: all]
    #[arg(long, value_name = "NAMES")]
    classes: Vec<Names>,
    /// Take labels from paths, by the group `label` of a regular expression: '^(?P<label>[a-z]+)_'
    #[arg(long, value_name = "REGEX")]
    label_pattern: Option<String>,
}

/// Whether photos have one class each.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Labels")]
pub(crate) struct SeveralArgs {
    /// Photos of a list have several classes or none: labels are names with `;` between
    #[arg(long)]
    multi_label: bool,
}

impl SeveralArgs {
    /// How labels are read.
    pub(crate) fn labels(&self) -> Labels {
        if self.multi_label { Labels::Several } else { Labels::AsWritten }
    }
}

impl LabelArgs {
    /// The photos of a folder or of a list, with the groups that a list names.
    pub(crate) fn read(&self, data: &Path, options: &ScanOptions) -> Result<List, DataError> {
        let options = ScanOptions { classes: names::all(&self.classes), ..options.clone() };
        read_data(data, self.label_pattern.as_deref(), &options)
    }

    /// The same to look at, for which one class is enough, and faults are there to be seen.
    pub(crate) fn look(&self, data: &Path, labels: Labels) -> Result<List, DataError> {
        self.read(data, &ScanOptions { min_classes: 1, classes_of_all_parts: true, labels, ..ScanOptions::default() })
    }

    /// Whether nothing is said, so that photos may do without labels.
    pub(crate) fn is_silent(&self) -> bool {
        self.classes.is_empty() && self.label_pattern.is_none()
    }
}
