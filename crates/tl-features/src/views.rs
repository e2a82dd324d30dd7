//! Augmented views of photos.

use tl_data::{Augment, View};

/// One augmented view of every photo.
///
/// What is drawn for a photo depends on the policy, the seed, the number and the photo's content, and on nothing
/// else: not on its name or its place in a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Augmented {
    /// What may be done to a photo.
    pub augment: Augment,
    /// Seed of the run.
    pub seed: u64,
    /// Tells the views of a photo apart.
    pub number: u64,
}

impl Augmented {
    /// Decides what is drawn for a photo by the hash of its bytes.
    pub(crate) fn view(&self, content: &[u8; 32]) -> View {
        let mut sample = [0; 8];
        sample.copy_from_slice(&content[..8]);
        View { seed: self.seed, epoch: self.number, sample: u64::from_le_bytes(sample) }
    }
}
