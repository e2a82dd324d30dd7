//! Where chance comes from.

use rand::SeedableRng;
use rand_pcg::Pcg64;

/// The random numbers of one place of an epoch: the same for the same seed, after any interruption and on any number
/// of threads. `place` tells apart what is drawn in an epoch: a photo, a step, 0 for the whole of it.
///
/// Epochs are spread over all bits by the golden ratio; a place is for the caller to put where it is in nobody's way.
pub(crate) fn chance(seed: u64, epoch: usize, place: u64) -> Pcg64 {
    Pcg64::seed_from_u64(seed ^ (epoch as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ place)
}
