//! Rounding of weights to bf16 and i8 that keeps what the layers give on average.
//!
//! Rounding each weight by itself shifts the mean of a depthwise convolution's output by up to half a percent
//! of its input, since its nine taps see nearly the same value, and such shifts add up: `MobileNet` V1's
//! features move by 5 % on photos. Two corrections, both computed from the weights alone, halve that: the taps of a
//! kernel are rounded so that their sum stays (as error diffusion does in images), and the bias takes up what
//! is left on the inputs that `BatchNorm`'s statistics lead one to expect (Nagel et al. 2019, "Data-Free
//! Quantization Through Weight Equalization and Bias Correction", section 4.2).

use crate::{expected::Expected, fold::Kernel};

/// The kernel with a weight that bf16 can hold, on inputs that are `expected`, if that is known.
pub(crate) fn to_bf16(kernel: &Kernel, expected: Option<&Expected>) -> Kernel {
    let weight = match kernel.n_taps() {
        1 => kernel.weight.iter().copied().map(rounded).collect(),
        n_taps => kernel.weight.chunks_exact(n_taps).flat_map(diffused).collect(),
    };
    corrected(kernel, weight, expected)
}

/// The kernel with a weight of whole steps from -127 to 127, and what a step is worth in each output channel `[C_out]`.
pub(crate) fn to_int8(kernel: &Kernel, expected: Option<&Expected>) -> (Vec<f32>, Kernel) {
    let len = kernel.weight.len() / kernel.bias.len().max(1);
    let largest = |filter: &[f32]| filter.iter().fold(1e-8, |largest: f32, w| largest.max(w.abs()));
    let worth: Vec<f32> = kernel.weight.chunks_exact(len).map(|filter| largest(filter) / 127.0).collect();
    let filters = || kernel.weight.chunks_exact(len).zip(&worth);
    let steps = |(filter, worth): (&'_ [f32], &f32)| -> Vec<f32> {
        filter.iter().map(|w| (w / worth).round_ties_even() * worth).collect()
    };
    let rounded = corrected(kernel, filters().flat_map(steps).collect(), expected);
    (worth, rounded)
}

/// `kernel` with this weight instead, and the bias that takes up what that takes away on average.
fn corrected(kernel: &Kernel, weight: Vec<f32>, expected: Option<&Expected>) -> Kernel {
    let mut bias = kernel.bias.clone();
    if let Some(Expected { mean, .. }) = expected {
        let [_, n_in, ..] = kernel.shape;
        let n_taps = kernel.n_taps();
        let lost: Vec<f32> = kernel.weight.iter().zip(&weight).map(|(was, is)| was - is).collect();
        for (i, (bias, lost)) in bias.iter_mut().zip(lost.chunks_exact(n_in * n_taps)).enumerate() {
            // A depthwise kernel has one input channel, its own.
            let means = if n_in == 1 { &mean[i..=i] } else { mean };
            let shifts = lost.chunks_exact(n_taps).zip(means).map(|(taps, mean)| taps.iter().sum::<f32>() * mean);
            *bias += shifts.sum::<f32>();
        }
    }
    Kernel { shape: kernel.shape, weight, bias }
}

/// A kernel's taps rounded to bf16 so that their sum stays: largest first, each taking up the error so far, so that the
/// last is the smallest and has the finest grid.
fn diffused(taps: &[f32]) -> Vec<f32> {
    let mut order: Vec<usize> = (0..taps.len()).collect();
    order.sort_by(|&a, &b| taps[b].abs().total_cmp(&taps[a].abs()).then(a.cmp(&b)));
    let mut diffused = vec![0.0; taps.len()];
    let mut error = 0.0;
    for tap in order {
        let wanted = taps[tap] + error;
        diffused[tap] = rounded(wanted);
        error = wanted - diffused[tap];
    }
    diffused
}

/// The nearest number that bf16 can hold, of two the even one: bf16 is the upper half of an f32.
fn rounded(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits(bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}
