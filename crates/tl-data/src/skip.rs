use std::{io, path::PathBuf};

/// A file that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub path: PathBuf,
    /// Why it is not used.
    pub reason: SkipReason,
}

/// Why one file is not used. It prints as one phrase that follows the path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SkipReason {
    /// A pipe, a socket, a device, or a folder that is named like a photo.
    #[error("is {what}, not a file")]
    NotAFile {
        /// What it is instead, with its article.
        what: &'static str,
    },
    /// A link that leads back to a folder it lies in.
    #[error("is a link that leads back to its own folder")]
    LinkLoop,
    /// The system would not read it.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// The system's reason.
        reason: String,
    },
    /// A class folder whose name is not UTF-8 and cannot name a class.
    #[error("has a name that is not UTF-8; rename the folder")]
    FolderName,
    /// A file beside the class folders.
    #[error("lies beside the class folders, so it has no class")]
    NoClass,
    /// A folder of photos beside the parts of a data set.
    #[error("lies beside the parts of the data set and is none of them, so its photos are not used")]
    NoPart,
    /// A file whose name the label pattern does not match.
    #[error("has a name that the label pattern does not match")]
    NoMatch,
    /// No bytes at all.
    #[error("is empty")]
    Empty,
    /// The content is no image format known here.
    #[error("is not a photo in a known format")]
    NotAnImage,
    /// A photo that no decoder here knows.
    #[error("is of a kind that is not decoded here ({what}); convert it to JPEG or PNG")]
    Unsupported {
        /// The format, or what of it is not known.
        what: String,
    },
    /// It ends before the picture does.
    #[error("is cut off before the end of the picture")]
    Truncated,
    /// Its content breaks the rules of its format.
    #[error("is damaged: {reason}")]
    Damaged {
        /// What the decoder found.
        reason: String,
    },
    /// Too big a file.
    #[error("has {bytes} bytes, above the limit of {limit}")]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },
    /// Too big a picture.
    #[error("has {width}x{height} pixels, above the limit of {limit}")]
    TooManyPixels {
        /// Pixels per row.
        width: u32,
        /// Rows.
        height: u32,
        /// The limit in force, in pixels.
        limit: u64,
    },
    /// Decoding would need more memory than allowed.
    #[error("needs more than {limit} bytes of memory to decode")]
    TooMuchMemory {
        /// The limit in force, in bytes.
        limit: u64,
    },
    /// The caller's buffer has the wrong length; every photo would be skipped.
    #[error("does not fit the buffer: {expected} bytes are needed and {found} were given")]
    Buffer {
        /// Bytes of one photo.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The work was stopped before its turn.
    #[error("was not read because the work was stopped")]
    Stopped,
}

impl SkipReason {
    /// A short name to count by, such as `truncated`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotAFile { .. } => "not a file",
            Self::LinkLoop => "link loop",
            Self::Unreadable { .. } => "unreadable",
            Self::FolderName => "folder name not UTF-8",
            Self::NoClass => "without a class",
            Self::NoPart => "in no part",
            Self::NoMatch => "not matched",
            Self::Empty => "empty",
            Self::NotAnImage => "not an image",
            Self::Unsupported { .. } => "unsupported",
            Self::Truncated => "truncated",
            Self::Damaged { .. } => "damaged",
            Self::TooManyBytes { .. } => "too many bytes",
            Self::TooManyPixels { .. } => "too many pixels",
            Self::TooMuchMemory { .. } => "too much memory",
            Self::Buffer { .. } => "wrong buffer",
            Self::Stopped => "stopped",
        }
    }

    /// The system's refusal, without the path: whoever prints this has just printed the path.
    pub(crate) fn unreadable(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Unreadable { reason: "no such file or folder".to_owned() },
            // The kind of a link that leads to itself has no stable name yet.
            kind if kind.to_string().starts_with("filesystem loop") => Self::LinkLoop,
            kind => Self::Unreadable { reason: kind.to_string() },
        }
    }
}
