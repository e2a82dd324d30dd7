use std::{collections::BTreeMap, path::PathBuf};

use rayon::prelude::*;

use super::{
    content::{ContentKey, content_key, position},
    sets::Sets,
};
use crate::sample::Sample;

/// Which photos must not be parted, beside equal files, which never are.
#[derive(Debug, Clone, Default)]
pub struct Together {
    /// Photos of one group (a patient, a scene, a camera burst) stay together. Photos without a group are free.
    pub groups: BTreeMap<PathBuf, String>,
    /// Photos whose [`PerceptualHash`](crate::PerceptualHash) differs in at most so many of 128 bits stay together;
    /// 10 is a good value. It costs a quick look at every photo, and `None` leaves it out.
    #[cfg(feature = "decode")]
    pub near_duplicates: Option<u32>,
    /// Limits of that look.
    #[cfg(feature = "decode")]
    pub decode: crate::DecodeOptions,
}

/// Photos that go to one side, as positions in the samples.
#[derive(Debug)]
pub(crate) struct Unit {
    /// Where it lies on the seed's line from 0 to 1.
    pub(crate) position: f64,
    /// Its photos, sorted.
    pub(crate) members: Vec<usize>,
}

impl Unit {
    /// How many of its photos have a label.
    pub(crate) fn n_of(&self, label: usize, samples: &[Sample]) -> usize {
        self.members.iter().filter(|&&i| samples[i].label == label).count()
    }
}

/// The units of `samples`, in the order of their positions.
pub(crate) fn units(samples: &[Sample], together: &Together, seed: u64) -> Vec<Unit> {
    let (sets, keys) = joined(samples, together);
    let place = |members: &[usize]| members.iter().map(|&i| position(seed, &keys[i])).fold(1.0, f64::min);
    let mut units: Vec<_> =
        sets.into_vecs().into_iter().map(|members| Unit { position: place(&members), members }).collect();
    // The sort is stable, and sets come in the order of their first photos.
    units.sort_by(|a, b| a.position.total_cmp(&b.position));
    units
}

/// Samples joined as they must stay, and the key that places each: its group's, or its content's.
pub(crate) fn joined(samples: &[Sample], together: &Together) -> (Sets, Vec<ContentKey>) {
    let mut keys: Vec<_> = samples.par_iter().map(|sample| content_key(&sample.path)).collect();
    let mut sets = Sets::new(samples.len());
    sets.join_equal(keys.iter().enumerate());
    #[cfg(feature = "decode")]
    if let Some(max_distance) = together.near_duplicates {
        join_near(&mut sets, samples, max_distance, &together.decode);
    }
    let groups = || samples.iter().enumerate().filter_map(|(i, s)| together.groups.get(&s.path).map(|g| (i, g)));
    sets.join_equal(groups());
    for (i, group) in groups() {
        keys[i] = *blake3::hash(group.as_bytes()).as_bytes();
    }
    (sets, keys)
}

#[cfg(feature = "decode")]
fn join_near(sets: &mut Sets, samples: &[Sample], max_distance: u32, options: &crate::DecodeOptions) {
    let photos: Vec<_> = samples.iter().map(|sample| sample.path.clone()).collect();
    let hashes = super::perceptual::perceptual_hashes(&photos, options);
    for (i, a) in hashes.iter().enumerate() {
        let Some(a) = a else { continue };
        for (j, b) in hashes.iter().enumerate().skip(i + 1) {
            if b.is_some_and(|b| a.distance(b) <= max_distance) {
                sets.join(i, j);
            }
        }
    }
}
