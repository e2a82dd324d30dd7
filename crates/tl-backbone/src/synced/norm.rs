//! `BatchNorm` with its activation: the passes over the memory of a part, and what parts add up to.
//!
//! Activations are rows of channels, as the channels-last layout has them.

use tl_torch::Activation;

/// Rows that are summed in f32 before they are added to a sum in f64.
const ROWS: usize = 64;

/// Count, means and summed squared deviations of rows, for each channel.
#[derive(Debug)]
pub(super) struct Moments {
    pub(super) n: f64,
    pub(super) mean: Vec<f64>,
    pub(super) squares: Vec<f64>,
}

impl Moments {
    /// Of the rows of `z`, in one pass: deviations are counted from the first row.
    pub(super) fn of(z: &[f32], n_channels: usize) -> Self {
        let first = &z[..n_channels.min(z.len())];
        let add = |row: &[f32], sums: &mut [f32], squares: &mut [f32]| {
            for (((sum, square), z), first) in sums.iter_mut().zip(squares).zip(row).zip(first) {
                let d = z - first;
                *sum += d;
                *square += d * d;
            }
        };
        let [sums, squares] = summed(z.chunks(ROWS * n_channels), n_channels, |rows, sums, squares| {
            rows.chunks_exact(n_channels).for_each(|row| add(row, sums, squares));
        });
        let n = (z.len() / n_channels) as f64;
        let mean = sums.iter().zip(first).map(|(sum, first)| f64::from(*first) + sum / n).collect();
        let squares = squares.iter().zip(&sums).map(|(square, sum)| (square - sum * sum / n).max(0.0)).collect();
        Self { n, mean, squares }
    }

    /// Of the rows of both (Chan, Golub and `LeVeque` 1983, "Algorithms for Computing the Sample Variance").
    pub(super) fn and(mut self, other: &Self) -> Self {
        let n = self.n + other.n;
        let own = self.mean.iter_mut().zip(&mut self.squares);
        for ((mean, squares), (other_mean, other_squares)) in own.zip(other.mean.iter().zip(&other.squares)) {
            let d = other_mean - *mean;
            *mean += d * other.n / n;
            *squares += other_squares + d * d * self.n * other.n / n;
        }
        self.n = n;
        self
    }
}

/// Two sums for each channel, f32 within a chunk and f64 over them.
fn summed<T>(
    chunks: impl Iterator<Item = T>,
    n_channels: usize,
    mut add: impl FnMut(T, &mut [f32], &mut [f32]),
) -> [Vec<f64>; 2] {
    let mut totals = [vec![0.0; n_channels], vec![0.0; n_channels]];
    let [mut a, mut b] = [vec![0.0_f32; n_channels], vec![0.0_f32; n_channels]];
    for chunk in chunks {
        add(chunk, &mut a, &mut b);
        for (total, part) in totals.iter_mut().zip([&mut a, &mut b]) {
            total.iter_mut().zip(part.iter()).for_each(|(total, part)| *total += f64::from(*part));
            part.fill(0.0);
        }
    }
    totals
}

/// A layer's `BatchNorm` with its statistics, and the activation after it.
#[derive(Debug)]
pub(super) struct Norm {
    activation: Activation,
    /// `y = activation(scale·z + shift)`.
    scale: Vec<f32>,
    shift: Vec<f32>,
    mean: Vec<f32>,
    /// One over the standard deviation.
    inverse: Vec<f32>,
    /// Rows that the statistics are of; none if they were fixed beforehand.
    n: Option<f64>,
}

/// For each channel what rows say of the gradient: its sum, and its sum with the deviation from the mean.
#[derive(Debug)]
pub(super) struct Sums {
    pub(super) gradient: Vec<f64>,
    pub(super) with_deviation: Vec<f64>,
}

impl Sums {
    pub(super) fn and(mut self, other: &Self) -> Self {
        self.gradient.iter_mut().zip(&other.gradient).for_each(|(a, b)| *a += b);
        self.with_deviation.iter_mut().zip(&other.with_deviation).for_each(|(a, b)| *a += b);
        self
    }
}

/// The gradient of `z` is `of_gradient·g + of_z·z + constant`, for each channel.
#[derive(Debug)]
pub(super) struct Line {
    of_gradient: Vec<f32>,
    of_z: Vec<f32>,
    constant: Vec<f32>,
}

impl Norm {
    /// Of a layer with these parameters and statistics; `n` are the rows that the statistics are of.
    pub(super) fn new(
        activation: Activation,
        [weight, bias]: [&[f32]; 2],
        mean: &[f64],
        inverse: &[f64],
        n: Option<f64>,
    ) -> Self {
        let single = |values: &[f64]| values.iter().map(|v| *v as f32).collect::<Vec<_>>();
        let scale: Vec<f64> = weight.iter().zip(inverse).map(|(w, i)| f64::from(*w) * i).collect();
        let shift: Vec<f64> = bias.iter().zip(mean).zip(&scale).map(|((b, m), s)| f64::from(*b) - m * s).collect();
        let (scale, shift, mean, inverse) = (single(&scale), single(&shift), single(mean), single(inverse));
        Self { activation, scale, shift, mean, inverse, n }
    }

    /// `y = activation(scale·z + shift)`.
    pub(super) fn forward(&self, z: &[f32], y: &mut [f32]) {
        match self.activation {
            Activation::None => self.map(z, y, |u| u),
            // Written so that what is not a number stays so.
            Activation::Relu => self.map(z, y, |u| if u < 0.0 { 0.0 } else { u }),
            Activation::Relu6 => self.map(z, y, |u| u.clamp(0.0, 6.0)),
            Activation::Hardswish => self.map(z, y, |u| u * (u + 3.0).clamp(0.0, 6.0) / 6.0),
            Activation::Hardsigmoid => self.map(z, y, |u| (u + 3.0).clamp(0.0, 6.0) / 6.0),
        }
    }

    fn map(&self, z: &[f32], y: &mut [f32], function: impl Fn(f32) -> f32) {
        let n_channels = self.scale.len();
        for (z, y) in z.chunks_exact(n_channels).zip(y.chunks_exact_mut(n_channels)) {
            for (((y, z), scale), shift) in y.iter_mut().zip(z).zip(&self.scale).zip(&self.shift) {
                *y = function(scale * z + shift);
            }
        }
    }

    /// Takes `gradient` back through the activation, in place, and sums it up.
    pub(super) fn through_activation(&self, z: &[f32], gradient: &mut [f32]) -> Sums {
        let inside = |u: f32, low: f32, high: f32| f32::from(u8::from(low < u && u < high));
        match self.activation {
            Activation::None => self.slopes(z, gradient, |_| 1.0),
            Activation::Relu => self.slopes(z, gradient, |u| f32::from(u8::from(u > 0.0))),
            Activation::Relu6 => self.slopes(z, gradient, |u| inside(u, 0.0, 6.0)),
            Activation::Hardswish => {
                self.slopes(z, gradient, |u| if u > 3.0 { 1.0 } else { inside(u, -3.0, 4.0) * (2.0 * u + 3.0) / 6.0 })
            }
            Activation::Hardsigmoid => self.slopes(z, gradient, |u| inside(u, -3.0, 3.0) / 6.0),
        }
    }

    fn slopes(&self, z: &[f32], gradient: &mut [f32], slope: impl Fn(f32) -> f32) -> Sums {
        let n_channels = self.scale.len();
        let chunks = z.chunks(ROWS * n_channels).zip(gradient.chunks_mut(ROWS * n_channels));
        let [gradient, with_deviation] = summed(chunks, n_channels, |(z, gradient), sums, deviations| {
            for (z, gradient) in z.chunks_exact(n_channels).zip(gradient.chunks_exact_mut(n_channels)) {
                let channels = self.scale.iter().zip(&self.shift).zip(&self.mean);
                let sums = sums.iter_mut().zip(&mut *deviations);
                for (((g, z), ((scale, shift), mean)), (sum, deviation)) in
                    gradient.iter_mut().zip(z).zip(channels).zip(sums)
                {
                    *g *= slope(scale * z + shift);
                    *sum += *g;
                    *deviation += *g * (z - mean);
                }
            }
        });
        Sums { gradient, with_deviation }
    }

    /// How the gradient of `z` follows from that of the normalised values, whose sums are `sums` (Ioffe and Szegedy
    /// 2015, "Batch Normalization", section 3).
    pub(super) fn line(&self, sums: &Sums) -> Line {
        let mut line = Line { of_gradient: self.scale.clone(), of_z: Vec::new(), constant: Vec::new() };
        for c in 0..self.scale.len() {
            let (scale, inverse, mean) =
                (f64::from(self.scale[c]), f64::from(self.inverse[c]), f64::from(self.mean[c]));
            let of = |sum: f64| self.n.map_or(0.0, |n| sum / n);
            let of_z = -scale * inverse * inverse * of(sums.with_deviation[c]);
            line.of_z.push(of_z as f32);
            line.constant.push((-of_z * mean - scale * of(sums.gradient[c])) as f32);
        }
        line
    }

    /// Gradients of weight and bias.
    pub(super) fn of_parameters(&self, sums: &Sums) -> [Vec<f32>; 2] {
        let of_weight = sums.with_deviation.iter().zip(&self.inverse).map(|(sum, i)| (sum * f64::from(*i)) as f32);
        [of_weight.collect(), sums.gradient.iter().map(|sum| *sum as f32).collect()]
    }
}

impl Line {
    /// From the gradient of the normalised values to that of `z`, in place.
    pub(super) fn apply(&self, z: &[f32], gradient: &mut [f32]) {
        let n_channels = self.of_z.len();
        for (z, gradient) in z.chunks_exact(n_channels).zip(gradient.chunks_exact_mut(n_channels)) {
            let lines = self.of_gradient.iter().zip(&self.of_z).zip(&self.constant);
            for ((g, z), ((of_gradient, of_z), constant)) in gradient.iter_mut().zip(z).zip(lines) {
                *g = of_gradient * *g + of_z * z + constant;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn moments_of_parts_are_those_of_the_whole(
            values in proptest::collection::vec(-3.0_f32..5.0, 6..900), cut in 0.0_f64..1.0
        ) {
            let n_channels = 3;
            let values = &values[..values.len() / n_channels * n_channels];
            let n = values.len() / n_channels;
            let cut = ((n as f64 * cut) as usize).clamp(1, n - 1) * n_channels;
            let both = Moments::of(&values[..cut], n_channels).and(&Moments::of(&values[cut..], n_channels));
            for c in 0..n_channels {
                let of_channel = || values.iter().skip(c).step_by(n_channels).map(|v| f64::from(*v));
                let mean = of_channel().sum::<f64>() / n as f64;
                let squares: f64 = of_channel().map(|v| (v - mean).powi(2)).sum();
                proptest::prop_assert!((both.mean[c] - mean).abs() < 1e-5);
                proptest::prop_assert!((both.squares[c] - squares).abs() < 1e-4 * (1.0 + squares));
            }
        }
    }
}
