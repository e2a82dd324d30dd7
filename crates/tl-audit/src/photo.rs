//! A photo as a finding names it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer};
use tl_data::{Sample, Skipped};

use crate::look::Look;

/// A photo that was looked at.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Photo {
    /// The file. A name that is not UTF-8 is serialised with replacement characters.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// The part of the data set that it is in.
    pub part: Part,
    /// Its class; where it has several, all of them with `;` between.
    pub class: String,
    /// Width as shown, in pixels.
    pub width: u32,
    /// Height as shown, in pixels.
    pub height: u32,
    /// The first 16 hexadecimal digits of the file's BLAKE3 hash: equal files have equal ones.
    pub content: String,
}

impl Photo {
    pub(crate) fn new(sample: &Sample, part: Part, class: String, look: &Look) -> Self {
        Self {
            path: sample.path.clone(),
            part,
            class,
            width: look.width,
            height: look.height,
            content: blake3::Hash::from_bytes(look.content).to_hex()[..16].to_owned(),
        }
    }
}

/// A part of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Trained on.
    Train,
    /// Validated on.
    Val,
    /// Tested on.
    Test,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        })
    }
}

/// A file that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unusable {
    /// The file. A name that is not UTF-8 is serialised with replacement characters.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// A short name of the reason, to count by, such as `truncated`.
    pub kind: &'static str,
    /// Why, as a phrase that follows the path.
    pub reason: String,
}

impl From<&Skipped> for Unusable {
    fn from(skipped: &Skipped) -> Self {
        Self { path: skipped.path.clone(), kind: skipped.reason.kind(), reason: skipped.reason.to_string() }
    }
}

fn lossy<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}
