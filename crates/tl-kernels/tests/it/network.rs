//! Networks of all sorts of layers and sizes.

use proptest::prelude::*;
use tl_kernels::{Activation, Conv, Instructions, Layer, Network, NetworkOptions, Numbers};

use crate::{random::Random, reference};

const MEAN: [f32; 3] = [120.0, 115.5, 100.25];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn f32_gives_what_plain_loops_give(seed: u64, side in 5_usize..70, n_layers in 1_usize..9) {
        check(seed, side, n_layers, Numbers::F32, 1e-4)?;
    }

    /// The reference rounds as the kernels do; what lies between two bf16 may go either way.
    #[test]
    fn bf16_gives_what_plain_loops_give(seed: u64, side in 5_usize..70, n_layers in 1_usize..9) {
        check(seed, side, n_layers, Numbers::Bf16, 1e-2)?;
    }

    /// Its inputs are rounded up to eight times as finely as those of bf16, and its weights are not all exact here.
    #[test]
    fn int16_gives_what_plain_loops_give(seed: u64, side in 5_usize..70, n_layers in 1_usize..9) {
        check(seed, side, n_layers, Numbers::Int16, 2e-3)?;
    }

    #[test]
    fn int8_gives_what_plain_loops_give(seed: u64, side in 5_usize..70, n_layers in 1_usize..9) {
        check(seed, side, n_layers, Numbers::Int8, 3e-2)?;
    }
}

/// By all instructions that this processor has.
fn check(seed: u64, side: usize, n_layers: usize, numbers: Numbers, tolerance: f64) -> Result<(), TestCaseError> {
    for instructions in Instructions::ALL {
        match instructions.can(numbers) {
            true => check_by(instructions, seed, side, n_layers, numbers, tolerance)?,
            false => println!("skipped: no {} by {} here", numbers.name(), instructions.name()),
        }
    }
    Ok(())
}

fn check_by(
    instructions: Instructions,
    seed: u64,
    side: usize,
    n_layers: usize,
    numbers: Numbers,
    tolerance: f64,
) -> Result<(), TestCaseError> {
    let mut random = Random(seed);
    let (mut layers, photo) = (random.network(n_layers), random.photo(side));
    round_weights(&mut layers, numbers);
    set_ranges(&mut layers, &photo, side);
    let options = NetworkOptions { numbers, instructions: Some(instructions), side, mean: MEAN };
    let mut network = Network::new(&layers, &options).unwrap();
    let wanted = reference::maps(&layers, &photo, side, MEAN, |conv, x| round(conv, numbers, x)).pop().unwrap();
    prop_assert_eq!(network.shape(), [wanted.side, wanted.side, wanted.channels]);
    let mut activations = vec![0.0; wanted.values.len()];
    // Another photo first: nothing of it may be left.
    for photo in [&random.photo(side), &photo] {
        network.activations(photo, &mut activations).unwrap();
    }
    let error = difference(&activations, &wanted.values);
    prop_assert!(error < tolerance, "{error}");
    let mut features = vec![0.0; network.n_features()];
    network.features(&photo, &mut features).unwrap();
    let whole = reference::Map { values: activations.into_iter().map(f64::from).collect(), ..wanted };
    prop_assert!(difference(&features, &whole.means()) < 1e-4);
    Ok(())
}

/// `|a - b| / |b|`, where b is not all but zero.
fn difference(a: &[f32], b: &[f64]) -> f64 {
    let square = |x: f64| x * x;
    let of_b: f64 = b.iter().map(|&b| square(b)).sum();
    (a.iter().zip(b).map(|(&a, &b)| square(f64::from(a) - b)).sum::<f64>() / of_b.max(1e-3)).sqrt()
}

/// Weights that the numbers can hold, so that only activations are rounded.
fn round_weights(layers: &mut [Layer], numbers: Numbers) {
    for layer in layers {
        let Layer::Conv(conv @ Conv { kernel: 1, .. }) = layer else { continue };
        for row in conv.weight.chunks_mut(conv.n_in) {
            let step = row.iter().fold(0.0_f32, |largest, w| largest.max(w.abs())) / 127.0;
            for w in row {
                *w = match numbers {
                    Numbers::F32 | Numbers::Int16 => *w,
                    Numbers::Bf16 => bf16(*w),
                    Numbers::Int8 => (*w / step).round() * step,
                };
            }
        }
    }
}

/// Ranges that hold what comes.
fn set_ranges(layers: &mut [Layer], photo: &[u8], side: usize) {
    let maps = reference::maps(layers, photo, side, MEAN, |_, x| x);
    for (layer, x) in layers.iter_mut().skip(1).zip(&maps) {
        if let Layer::Conv(conv) = layer {
            let ends = x.values.iter().fold((0.0_f64, 0.0_f64), |(low, high), &x| (low.min(x), high.max(x)));
            conv.range = (ends.0 as f32 * 1.1, ends.1 as f32 * 1.1);
        }
    }
}

fn round(conv: &Conv, numbers: Numbers, x: f64) -> f64 {
    match numbers {
        Numbers::F32 | Numbers::Int16 => x,
        Numbers::Bf16 => f64::from(bf16(x as f32)),
        Numbers::Int8 => {
            let (low, high) = conv.range;
            let step = ((high - low) / 255.0).max(f32::MIN_POSITIVE);
            let zero = (-low / step).round();
            f64::from((((x as f32) / step + zero).round_ties_even().clamp(0.0, 255.0) - zero) * step)
        }
    }
}

fn bf16(x: f32) -> f32 {
    let bits = x.to_bits();
    f32::from_bits((bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff_0000)
}

/// More pixels and channels than any tile has, with what is left over of both.
#[test]
fn large_layers_have_no_seams() {
    let mut random = Random(7);
    for (side, n_in, n_out) in [(30, 24, 144), (62, 16, 33), (28, 72, 320)] {
        let stem = random.conv(3, n_in, 1, [3, 2]);
        let stem =
            Conv { weight: stem.weight.iter().map(|w| w / 64.0).collect(), activation: Activation::Relu6, ..stem };
        let layers = [Layer::Conv(stem), Layer::Conv(random.conv(n_in, n_out, 1, [1, 1]))];
        let photo = random.photo(side);
        let wanted = reference::maps(&layers, &photo, side, MEAN, |_, x| x).pop().unwrap();
        for instructions in Instructions::ALL.into_iter().filter(|instructions| instructions.can(Numbers::F32)) {
            let options = NetworkOptions { numbers: Numbers::F32, instructions: Some(instructions), side, mean: MEAN };
            let mut activations = vec![0.0; wanted.values.len()];
            Network::new(&layers, &options).unwrap().activations(&photo, &mut activations).unwrap();
            for (found, wanted) in activations.iter().zip(&wanted.values) {
                assert!((f64::from(*found) - wanted).abs() < 1e-4 * wanted.abs().max(1.0), "{found} {wanted}");
            }
        }
    }
}

/// Whole numbers are exact: bytes give the same sums by all instructions, and f32 is rounded at the same places.
#[test]
fn all_instructions_give_the_same_bits() {
    for numbers in [Numbers::F32, Numbers::Int16, Numbers::Int8] {
        let able: Vec<_> = Instructions::ALL.into_iter().filter(|instructions| instructions.can(numbers)).collect();
        for seed in 0..8 {
            let mut random = Random(seed);
            let (mut layers, photo) = (random.network(7), random.photo(40));
            set_ranges(&mut layers, &photo, 40);
            let features = able.iter().map(|&instructions| {
                let options = NetworkOptions { numbers, instructions: Some(instructions), side: 40, mean: MEAN };
                let mut network = Network::new(&layers, &options).unwrap();
                let mut features = vec![0.0; network.n_features()];
                network.features(&photo, &mut features).unwrap();
                features
            });
            let features: Vec<_> = features.collect();
            assert!(features.windows(2).all(|pair| pair[0] == pair[1]), "{} {seed}", numbers.name());
        }
    }
}
