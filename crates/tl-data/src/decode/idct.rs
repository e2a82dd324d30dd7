//! Inverse cosine transforms that give fewer samples than there are coefficients.

use std::f32::consts::PI;

/// The N-point transform of the N lowest of 8 coefficients: `[frequency][sample]`.
pub(crate) struct Basis<const N: usize>([[f32; N]; N]);

impl<const N: usize> Basis<N> {
    pub(crate) fn new() -> Self {
        // Orthonormal in N points, then scaled from 8 points to N: sqrt(N / 8) * sqrt(2 / N) = 1 / 2.
        let value = |x: usize, u: usize| match u {
            0 => 0.125_f32.sqrt(),
            _ => 0.5 * (PI * ((2 * x + 1) * u) as f32 / (2 * N) as f32).cos(),
        };
        Self(std::array::from_fn(|u| std::array::from_fn(|x| value(x, u))))
    }
}

/// Transforms the lowest X by Y of 8x8 coefficients, `[v * 8 + u]`, into Y rows of X samples of `out`. Those beyond
/// the diagonal `u + v = reach` are zero.
pub(crate) fn idct<const X: usize, const Y: usize>(
    coefficients: &[f32; 64],
    reach: usize,
    basis_x: &Basis<X>,
    basis_y: &Basis<Y>,
    out: &mut [u8],
    stride: usize,
) {
    let mut rows = [[0.0_f32; X]; Y];
    for (v, row) in rows.iter_mut().enumerate().take(reach + 1) {
        for (coefficient, basis) in coefficients[v * 8..][..X].iter().zip(&basis_x.0).take(reach - v + 1) {
            for (value, basis) in row.iter_mut().zip(basis) {
                *value += coefficient * basis;
            }
        }
    }
    for (y, out) in out.chunks_mut(stride).take(Y).enumerate() {
        let mut samples = [128.5_f32; X];
        for (row, basis) in rows.iter().zip(&basis_y.0).take(reach + 1) {
            for (sample, value) in samples.iter_mut().zip(row) {
                *sample += basis[y] * value;
            }
        }
        // The cast cuts towards zero and saturates.
        out.iter_mut().zip(samples).for_each(|(out, sample)| *out = sample as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_stays_one_at_any_size() {
        let mut coefficients = [0.0; 64];
        coefficients[0] = 8.0 * 50.0;
        let mut out = [0; 32];
        idct::<4, 2>(&coefficients, 0, &Basis::new(), &Basis::new(), &mut out, 8);
        assert_eq!(out[..4], [178; 4]);
        assert_eq!(out[8..12], [178; 4]);
        assert_eq!(out[4..8], [0; 4]);
    }

    #[test]
    fn half_the_samples_are_means_of_a_slope() {
        // Eight samples 0, 8, 16 ... have these coefficients; pairs have the means 4, 20, 36, 52, here nearly.
        let samples: Vec<f32> = (0..8_u8).map(|x| f32::from(x) * 8.0 - 28.0).collect();
        let mut coefficients = [0.0; 64];
        for (u, coefficient) in coefficients.iter_mut().enumerate().take(8).skip(1) {
            let cosine = |x: usize| (PI * ((2 * x + 1) * u) as f32 / 16.0).cos();
            let sum: f32 = samples.iter().enumerate().map(|(x, sample)| sample * cosine(x)).sum();
            *coefficient = sum * 0.5 * 8.0_f32.sqrt();
        }
        let mut out = [0; 4];
        idct::<4, 1>(&coefficients, 7, &Basis::new(), &Basis::new(), &mut out, 4);
        for (out, mean) in out.iter().zip([104.0, 120.0, 136.0, 152.0]) {
            assert!((f32::from(*out) - mean).abs() <= 1.5, "{out} {mean}");
        }
    }
}
