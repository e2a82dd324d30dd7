//! Where the photos of an epoch's steps come from.

use std::{collections::VecDeque, path::PathBuf, sync::Arc};

use tl_data::{Batch, Pass, Sample, Skipped};

/// The batches of an epoch, in its order.
pub(crate) enum Source {
    /// Decoded anew, augmented where that is asked for.
    Files(Pass),
    /// Not decoded at all: workers know what the frozen blocks make of them.
    Kept { samples: Arc<[Sample]>, todo: VecDeque<Vec<usize>> },
}

impl Source {
    /// Batches of `size` of the samples at the places in `order`, without their pixels.
    pub(crate) fn kept(samples: Arc<[Sample]>, order: &[usize], size: usize) -> Self {
        Self::Kept { samples, todo: order.chunks(size).map(<[usize]>::to_vec).collect() }
    }
}

impl Iterator for Source {
    type Item = StepBatch;

    fn next(&mut self) -> Option<StepBatch> {
        match self {
            Self::Files(pass) => pass.next().map(StepBatch::Decoded),
            Self::Kept { samples, todo } => {
                let places = todo.pop_front()?;
                let labels = places.iter().map(|&place| samples[place].label).collect();
                Some(StepBatch::Kept { places, labels })
            }
        }
    }
}

/// The photos of a step.
pub(crate) enum StepBatch {
    Decoded(Batch),
    Kept { places: Vec<usize>, labels: Vec<usize> },
}

impl StepBatch {
    /// `[n, side, side, 3]` RGB bytes; none where they are not needed.
    pub(crate) fn pixels(&self) -> &[u8] {
        match self {
            Self::Decoded(batch) => batch.pixels(),
            Self::Kept { .. } => &[],
        }
    }

    /// Places in the list of samples, `[n]`.
    pub(crate) fn places(&self) -> &[usize] {
        match self {
            Self::Decoded(batch) => &batch.positions,
            Self::Kept { places, .. } => places,
        }
    }

    /// `[n]`.
    pub(crate) fn labels(&self) -> &[usize] {
        match self {
            Self::Decoded(batch) => &batch.labels,
            Self::Kept { labels, .. } => labels,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.labels().len()
    }

    /// The first photo that could not be read.
    pub(crate) fn lost(&self) -> Option<(PathBuf, String)> {
        let Self::Decoded(batch) = self else { return None };
        batch.skipped.first().map(|Skipped { path, reason }| (path.clone(), reason.to_string()))
    }
}
