use std::{collections::BTreeMap, path::PathBuf};

use rayon::prelude::*;

use super::{
    content::{ContentKey, content_key, position},
    sets::Sets,
};
#[cfg(feature = "decode")]
use super::{
    memo::Memo,
    perceptual::{PerceptualHash, see},
};
use crate::{sample::Sample, threads::in_pool};

/// Which photos must not be parted, beside equal files, which never are.
#[derive(Debug, Clone, Default)]
pub struct Together {
    /// Photos of one group (a patient, a scene, a camera burst) stay together. Photos without a group are free.
    pub groups: BTreeMap<PathBuf, String>,
    /// Photos whose [`PerceptualHash`](crate::PerceptualHash) differs in at most so many of 128 edges stay together;
    /// 10 is a good value. It costs a quick look at every photo, and `None` leaves it out.
    #[cfg(feature = "decode")]
    pub near_duplicates: Option<u32>,
    /// Limits of that look.
    #[cfg(feature = "decode")]
    pub decode: crate::DecodeOptions,
    /// File that keeps what was seen, so that a photo is looked at once; `None` keeps nothing. It is made when it is
    /// missing or damaged, and a file that cannot be written is no error.
    #[cfg(feature = "decode")]
    pub memo: Option<PathBuf>,
    /// Threads that read the photos; 0 takes one per core. They do not change the result.
    pub n_threads: usize,
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
    // One draw for each unit, however many its photos are: the first of several would lie near the start.
    let place = |members: &[usize]| members.iter().map(|&i| &keys[i]).min().map_or(1.0, |key| position(seed, key));
    let mut units: Vec<_> =
        sets.into_vecs().into_iter().map(|members| Unit { position: place(&members), members }).collect();
    // The sort is stable, and sets come in the order of their first photos.
    units.sort_by(|a, b| a.position.total_cmp(&b.position));
    units
}

/// For each sample the position of the first one that it must not be parted from, which may be itself.
#[must_use]
pub fn kept_together(samples: &[Sample], together: &Together) -> Vec<usize> {
    joined(samples, together).0.into_firsts()
}

/// Samples joined as they must stay, and the key that places each: its group's, or its content's.
pub(crate) fn joined(samples: &[Sample], together: &Together) -> (Sets, Vec<ContentKey>) {
    in_pool(together.n_threads, || joined_here(samples, together))
}

/// The same on the threads of the pool that this is called in.
fn joined_here(samples: &[Sample], together: &Together) -> (Sets, Vec<ContentKey>) {
    let mut keys: Vec<_> = samples.par_iter().map(|sample| content_key(&sample.path)).collect();
    let mut sets = Sets::new(samples.len());
    sets.join_equal(keys.iter().enumerate());
    #[cfg(feature = "decode")]
    if let Some(max_distance) = together.near_duplicates {
        join_near(&mut sets, &looks(samples, &keys, together), max_distance);
    }
    let groups = || samples.iter().enumerate().filter_map(|(i, s)| together.groups.get(&s.path).map(|g| (i, g)));
    sets.join_equal(groups());
    for (i, group) in groups() {
        keys[i] = *blake3::hash(group.as_bytes()).as_bytes();
    }
    (sets, keys)
}

/// The perceptual hash of each sample: as remembered, or by a look at the photo.
#[cfg(feature = "decode")]
fn looks(samples: &[Sample], keys: &[ContentKey], together: &Together) -> Vec<Option<PerceptualHash>> {
    let mut memo = together.memo.as_deref().map(Memo::open).unwrap_or_default();
    let mut hashes: Vec<_> = keys.iter().map(|key| memo.get(key)).collect();
    let unknown: Vec<usize> = (0..samples.len()).filter(|&i| !memo.knows(&keys[i])).collect();
    let photos: Vec<_> = unknown.iter().map(|&i| samples[i].path.clone()).collect();
    let mut n_learnt = 0;
    for (i, seen) in unknown.into_iter().zip(see(&photos, &together.decode)) {
        // What cannot be read today may be read tomorrow.
        let Ok(hash) = seen else { continue };
        hashes[i] = hash;
        memo.insert(keys[i], hash);
        n_learnt += 1;
    }
    if let (Some(path), 1..) = (&together.memo, n_learnt) {
        // Nothing is lost but time.
        let _ = memo.save(path);
    }
    hashes
}

/// Joins what looks alike: equal hashes first, then each distinct one with each other, half a second for 20,000.
#[cfg(feature = "decode")]
pub(crate) fn join_near(sets: &mut Sets, hashes: &[Option<PerceptualHash>], max_distance: u32) {
    let mut first = BTreeMap::new();
    for (i, hash) in hashes.iter().enumerate() {
        if let Some(hash) = hash {
            sets.join(*first.entry(*hash).or_insert(i), i);
        }
    }
    let distinct: Vec<_> = first.into_iter().collect();
    for (n, &(a, i)) in distinct.iter().enumerate() {
        for &(b, j) in &distinct[n + 1..] {
            if a.is_within(max_distance, b) {
                sets.join(i, j);
            }
        }
    }
}
