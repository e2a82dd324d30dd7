//! Augmented views of photos.

use tl_data::{Augment, View};

/// Several augmented views of every photo.
///
/// What is drawn for a photo depends on the policy, the seed, the number of the view and the photo's content, and on
/// nothing else: not on its name, its place in a list or how many views there are.
#[derive(Debug, Clone, PartialEq)]
pub struct Views {
    /// What may be done to a photo.
    pub augment: Augment,
    /// Seed of the run.
    pub seed: u64,
    /// Views of each photo; the photo as it is is none of them.
    pub n: usize,
}

impl Views {
    /// Decides what is drawn for view `number` of a photo, by the hash of its bytes.
    pub(crate) fn view(&self, number: usize, content: &[u8; 32]) -> View {
        let mut sample = [0; 8];
        sample.copy_from_slice(&content[..8]);
        View { seed: self.seed, epoch: number as u64, sample: u64::from_le_bytes(sample) }
    }
}
