use std::{
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// What stops the work with a whole data set. A single bad photo is no error: see [`Skipped`](crate::Skipped).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// Nothing has this name.
    #[error("{} does not exist; check the spelling, or give another path", path.display())]
    Missing {
        /// The path as given.
        path: PathBuf,
    },
    /// A file where a folder was asked for.
    #[error("{} is a file; give the folder that holds one folder of photos per class", path.display())]
    NotAFolder {
        /// The path as given.
        path: PathBuf,
    },
    /// A class folder that no list could name.
    #[error("the class folder {} begins or ends with white space, which lists cut off; rename it", path.display())]
    FolderName {
        /// The folder.
        path: PathBuf,
    },
    /// No folders, hence no classes.
    #[error("{} holds no class folders; put the photos of each class in a folder with the name of the class", path.display())]
    NoClasses {
        /// The folder that was scanned.
        path: PathBuf,
    },
    /// No photo anywhere.
    #[error("there are no photos in {}; put JPEG, PNG, GIF, WebP, BMP or TIFF files there", path.display())]
    NoPhotos {
        /// The folder that was read.
        path: PathBuf,
    },
    /// A part of a data set that is there twice.
    #[error("{} and {} are the same part of a data set by their names; rename the one that is not meant, or move it away", first.display(), second.display())]
    TwoParts {
        /// One of them.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Folders whose names are those of parts, where classes should be.
    #[error("the folders in {} are named like parts of a data set, not like classes ({names}), and there is no training part with a folder of photos per class; give the folder that holds the class folders, or name the classes if they are some", path.display())]
    NoTrainingPart {
        /// The folder that was scanned.
        path: PathBuf,
        /// Its folders.
        names: String,
    },
    /// A pattern that no photo's path matches.
    #[error("the pattern {pattern} matches none of the {n_photos} photos in {}, such as {example}", path.display())]
    NothingMatches {
        /// The pattern.
        pattern: String,
        /// Photos that there are.
        n_photos: usize,
        /// The folder that was read.
        path: PathBuf,
        /// The path of one of them as the pattern saw it.
        example: String,
    },
    /// A classifier needs a choice.
    #[error("{} holds one class only ({class}); add a folder for at least one other class", path.display())]
    OneClass {
        /// The folder or list that was read.
        path: PathBuf,
        /// The only class.
        class: String,
    },
    /// A list of photos to validate or test on alone.
    #[error("no row of {} is to train on: every one has the split val or test; leave it empty or write train in some", path.display())]
    NoTrainingRows {
        /// The list.
        path: PathBuf,
    },
    /// A class without photos.
    #[error("class {class} has no photos to train on in {}; add photos or leave the class out", path.display())]
    EmptyClass {
        /// The class.
        class: String,
        /// Its folder, or the list that names it.
        path: PathBuf,
    },
    /// A class that is not among the known ones.
    #[error("class {class} of {} is not known; the classes are {}{}", path.display(), listed(known), in_case(class, known))]
    UnknownClass {
        /// The class.
        class: String,
        /// Where it was found or looked for.
        path: PathBuf,
        /// The classes that are.
        known: Vec<String>,
    },
    /// The same class twice in a choice of classes.
    #[error("class {class} is chosen twice; name each class once")]
    RepeatedClass {
        /// The class.
        class: String,
    },
    /// The file system refused.
    #[error("{} cannot be read: {reason}; check its permissions, or leave it out", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        reason: String,
    },
    /// A list of photos with a mistake in it.
    #[error("{}, line {line}: {reason}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// Line of the mistake, from 1.
        line: u64,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// A pattern that cannot give labels.
    #[error("the pattern {pattern} gives no labels: {reason}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A validation fraction that leaves one side empty.
    #[error("the validation fraction is {value}; give a number above 0 and below 1, such as 0.2")]
    Fraction {
        /// The fraction as given.
        value: f64,
    },
    /// Folds that cannot be made.
    #[error("{n_samples} photos cannot make {k} folds; ask for at least 2 folds and at most one per photo")]
    Folds {
        /// Folds asked for.
        k: usize,
        /// Photos there are.
        n_samples: usize,
    },
    /// An augmentation that does not parse.
    #[error("augmentation {step:?}: {reason}")]
    Augment {
        /// The step of the line that is wrong.
        step: String,
        /// What is wrong and what is expected.
        reason: String,
    },
    /// Squares that no batch can be made of.
    #[error("photos cannot be squares of {side} pixels a side; give a side of 1 to {max}")]
    Side {
        /// The side as given.
        side: u32,
        /// The largest.
        max: u32,
    },
    /// The system would not start threads.
    #[error("the loader's threads do not start: {reason}; ask for fewer")]
    Threads {
        /// The system's reason.
        reason: String,
    },
}

impl DataError {
    /// What it means that the system would not open a folder or a list.
    pub(crate) fn refused(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => Self::Missing { path },
            ErrorKind::NotADirectory => Self::NotAFolder { path },
            kind => Self::Read { path, reason: kind.to_string() },
        }
    }
}

/// Names with commas between, and quotes around one that holds a comma, as an argument takes them.
fn listed(names: &[String]) -> String {
    let listed = |name: &String| if name.contains(',') { format!("\"{name}\"") } else { name.clone() };
    names.iter().map(listed).collect::<Vec<_>>().join(", ")
}

/// A class that is the same but for capitals.
fn in_case(class: &str, known: &[String]) -> String {
    let twin = known.iter().find(|known| known.to_lowercase() == class.to_lowercase());
    twin.map_or_else(String::new, |twin| format!(" ({twin} differs in capitals alone; rename one of the two)"))
}
