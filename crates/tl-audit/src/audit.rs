//! From looks to findings.

use std::{collections::BTreeMap, sync::atomic::AtomicBool};

use serde::Serialize;
use tl_data::{Folder, Sample, Skipped, same_pictures};

use crate::{
    error::AuditError,
    examine::examine,
    group::Group,
    look::Look,
    oddity::{Oddity, oddities},
    options::AuditOptions,
    photo::{Part, Photo, Unusable},
    spread::Spread,
};

/// Version of the serialised form of [`Audit`]; it grows when a field changes its meaning or goes.
pub const FORMAT_VERSION: u32 = 1;

/// What was found in a folder of photos. The same photos give the same audit, whatever the number of threads.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Audit {
    /// [`FORMAT_VERSION`].
    pub format: u32,
    /// Photos that can be used.
    pub n_photos: usize,
    /// Debris that was passed over, such as `.DS_Store`.
    pub n_ignored: usize,
    /// Bytes of all usable photos.
    pub n_bytes: u64,
    /// Usable photos per class and part.
    pub classes: Vec<ClassCount>,
    /// Photos to train on in the largest class by those in the smallest; none when a class has none.
    pub imbalance: Option<f64>,
    /// Whether that is more than [`AuditOptions::max_imbalance`], or a class has no photo to train on.
    pub is_imbalanced: bool,
    /// Photos per format, as their content tells.
    pub formats: BTreeMap<&'static str, usize>,
    /// Shorter sides, in pixels.
    pub short_side: Spread,
    /// Longer sides, in pixels.
    pub long_side: Spread,
    /// Sizes of files, in bytes.
    pub file_bytes: Spread,
    /// Files that cannot be used, sorted by path.
    pub unusable: Vec<Unusable>,
    /// Photos that show the same picture.
    pub groups: Vec<Group>,
    /// Photos that are odd on their own, sorted by kind; one photo may be odd in several ways.
    pub oddities: Vec<Oddity>,
}

/// Usable photos of one class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Photos to train on.
    pub train: usize,
    /// Photos to validate on.
    pub val: usize,
    /// Photos to test on.
    pub test: usize,
}

/// Looks at every photo of `folder` once.
///
/// `progress` hears how many photos are done. After `stop` is set the work ends within the time of one photo per
/// thread. A photo that cannot be read is a finding, no error.
///
/// # Errors
/// [`AuditError::Stopped`] where `stop` left photos unseen, [`AuditError::Threads`] when the system starts no threads.
pub fn audit(
    folder: &Folder,
    options: &AuditOptions,
    progress: &mut dyn FnMut(usize),
    stop: &AtomicBool,
) -> Result<Audit, AuditError> {
    let samples = in_parts(folder);
    let only_samples: Vec<_> = samples.iter().map(|(_, sample)| *sample).collect();
    let results = examine(&only_samples, options, progress, stop)?;

    let mut unusable: Vec<_> = folder.skipped.iter().map(Unusable::from).collect();
    let (mut photos, mut looks) = (Vec::new(), Vec::new());
    let mut usable = [const { Vec::new() }; 3];
    for ((part, sample), result) in samples.iter().zip(&results) {
        match result {
            Ok(look) => {
                photos.push(Photo::new(sample, *part, folder.name(sample.label), look));
                looks.push(look);
                usable[*part as usize].push(*sample);
            }
            Err(reason) => {
                unusable.push((&Skipped { path: sample.path.clone(), reason: reason.clone() }).into());
            }
        }
    }
    unusable.sort_by(|a, b| a.path.cmp(&b.path));
    let classes = count(folder, &usable);
    let imbalance = imbalance(&classes);
    Ok(Audit {
        format: FORMAT_VERSION,
        n_photos: photos.len(),
        n_ignored: folder.n_ignored,
        n_bytes: looks.iter().map(|look| look.n_bytes).sum(),
        is_imbalanced: imbalance.is_none_or(|times| times > options.max_imbalance),
        imbalance,
        classes,
        formats: formats(&looks),
        short_side: Spread::of(looks.iter().map(|look| look.width.min(look.height).into())),
        long_side: Spread::of(looks.iter().map(|look| look.width.max(look.height).into())),
        file_bytes: Spread::of(looks.iter().map(|look| look.n_bytes)),
        unusable,
        groups: groups(&photos, &looks, options),
        oddities: all_oddities(&photos, &looks, options),
    })
}

impl Audit {
    /// Whether something was found that spoils a training or its numbers: a leak between parts, a picture under
    /// two labels, a file that cannot be used.
    #[must_use]
    pub fn endangers_training(&self) -> bool {
        !self.unusable.is_empty() || self.groups.iter().any(|group| group.leaks || group.has_two_labels)
    }
}

/// All samples with their parts, in the order of the folder.
fn in_parts(folder: &Folder) -> Vec<(Part, &Sample)> {
    let given = [(Part::Val, &folder.val), (Part::Test, &folder.test)];
    let given = given.into_iter().flat_map(|(part, samples)| samples.iter().flatten().map(move |s| (part, s)));
    folder.train.iter().map(|sample| (Part::Train, sample)).chain(given).collect()
}

/// Usable photos per class, by part.
fn count(folder: &Folder, usable: &[Vec<&Sample>; 3]) -> Vec<ClassCount> {
    let [train, val, test] = usable.each_ref().map(|samples| folder.counts(samples.iter().copied()));
    let class =
        |(i, name): (usize, &String)| ClassCount { name: name.clone(), train: train[i], val: val[i], test: test[i] };
    folder.classes.iter().enumerate().map(class).collect()
}

fn imbalance(classes: &[ClassCount]) -> Option<f64> {
    let largest = classes.iter().map(|class| class.train).max()?;
    let smallest = classes.iter().map(|class| class.train).min().filter(|&n| n > 0)?;
    Some(largest as f64 / smallest as f64)
}

fn formats(looks: &[&Look]) -> BTreeMap<&'static str, usize> {
    let mut formats = BTreeMap::new();
    for look in looks {
        *formats.entry(look.format).or_default() += 1;
    }
    formats
}

fn groups(photos: &[Photo], looks: &[&Look], options: &AuditOptions) -> Vec<Group> {
    let contents: Vec<_> = looks.iter().map(|look| look.content).collect();
    let hashes: Vec<_> = looks.iter().map(|look| look.likeness).collect();
    let sets = same_pictures(&contents, &hashes, options.near_duplicates);
    sets.into_iter().map(|set| Group::new(set.into_iter().map(|i| photos[i].clone()).collect())).collect()
}

fn all_oddities(photos: &[Photo], looks: &[&Look], options: &AuditOptions) -> Vec<Oddity> {
    let mut found = Vec::new();
    for (photo, look) in photos.iter().zip(looks) {
        let oddities = oddities(look, options).into_iter();
        found.extend(oddities.map(|(kind, value)| Oddity { kind, value, photo: photo.clone() }));
    }
    // The sort is stable: within a kind photos keep their order.
    found.sort_by_key(|oddity| oddity.kind);
    found
}
