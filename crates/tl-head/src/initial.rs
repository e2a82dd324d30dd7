//! The weights that training starts from.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// A kernel of Keras's default, Glorot's uniform distribution: `n_outputs * n_inputs` values in
/// `±sqrt(6 / (n_inputs + n_outputs))` (Glorot and Bengio 2010).
///
/// They come from a generator of our own and not from libtorch's, which is one per process: the same seed gives
/// the same bits on every platform, and each layer has a stream that does not depend on the sizes of the others.
pub(crate) fn glorot_uniform(n_inputs: usize, n_outputs: usize, seed: u64, layer: usize) -> Vec<f32> {
    let limit = (6.0 / (n_inputs + n_outputs) as f32).sqrt();
    let mut rng = Pcg32::seed_from_u64(seed ^ (layer as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    (0..n_inputs * n_outputs).map(|_| limit * symmetric_unit(rng.next_u32())).collect()
}

/// 32 random bits as a number in `[-1, 1)`; a multiple of 2^-23, so that no rounding differs anywhere.
fn symmetric_unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1 << 23) as f32 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_the_same_from_version_to_version() {
        assert_eq!(glorot_uniform(2, 2, 42, 0), GOLDEN);
    }

    /// Written down from the first version; a change here changes every run of a given seed.
    const GOLDEN: [f32; 4] = [0.072_968_07, -0.274_486_06, -0.646_470_1, 1.157_225_8];

    proptest::proptest! {
        #[test]
        fn fills_its_interval_evenly(n_inputs in 20usize..60, n_outputs in 20usize..60, seed: u64) {
            let values = glorot_uniform(n_inputs, n_outputs, seed, 3);
            let limit = (6.0 / (n_inputs + n_outputs) as f32).sqrt();
            proptest::prop_assert!(values.iter().all(|v| v.abs() <= limit));
            let n = values.len() as f32;
            let mean = values.iter().sum::<f32>() / n;
            let variance = values.iter().map(|v| v * v).sum::<f32>() / n;
            // Six standard deviations of either estimate.
            proptest::prop_assert!(mean.abs() < 6.0 * limit / (3.0 * n).sqrt());
            proptest::prop_assert!((variance * 3.0 / (limit * limit) - 1.0).abs() < 6.0 * (0.8 / n).sqrt());
        }

        #[test]
        fn differs_by_seed_and_layer(seed: u64) {
            let first = glorot_uniform(8, 8, seed, 0);
            proptest::prop_assert_ne!(&first, &glorot_uniform(8, 8, seed, 1));
            proptest::prop_assert_ne!(&first, &glorot_uniform(8, 8, seed.wrapping_add(1), 0));
        }
    }
}
