//! Weights and inputs as whole numbers and bf16: what the bias takes up, and how far sums may go.

use tl_kernels::{Activation, Conv, Instructions, Layer, Network, NetworkOptions, Numbers};

use crate::random::Random;

const N_IN: usize = 16;
const N_OUT: usize = 20;

/// The output channels of a pointwise convolution whose inputs are 1 everywhere, as all numbers can hold it.
fn outputs(numbers: Numbers, means: Vec<f32>) -> Vec<f32> {
    let mut random = Random(3);
    let stem = random.conv(3, N_IN, 1, [3, 2]);
    let stem =
        Conv { weight: vec![0.0; stem.weight.len()], bias: vec![1.0; N_IN], activation: Activation::None, ..stem };
    let pointwise = random.conv(N_IN, N_OUT, 1, [1, 1]);
    // Steps of powers of two, of which 1 is a whole number.
    let highest = if numbers == Numbers::Int8 { 255.0 / 64.0 } else { 2.0 * f32::from(i16::MAX) / 8192.0 };
    let pointwise = Conv { activation: Activation::None, range: (0.0, highest), means, ..pointwise };
    let options = NetworkOptions { numbers, instructions: None, side: 8, mean: [0.0; 3] };
    let mut network = Network::new(&[Layer::Conv(stem), Layer::Conv(pointwise)], &options).unwrap();
    let mut features = vec![0.0; N_OUT];
    network.features(&[7; 8 * 8 * 3], &mut features).unwrap();
    features
}

#[test]
fn inputs_that_are_as_they_were_expected_lose_nothing() {
    let wanted = outputs(Numbers::F32, Vec::new());
    let error = |numbers, means| {
        let found = outputs(numbers, means);
        found.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    };
    for numbers in [Numbers::Bf16, Numbers::Int16, Numbers::Int8].into_iter().filter(|numbers| numbers.is_supported()) {
        let (plain, corrected) = (error(numbers, Vec::new()), error(numbers, vec![1.0; N_IN]));
        assert!(corrected < 1e-5 && corrected < plain / 8.0, "{numbers:?}: {plain:e}, {corrected:e}");
    }
}

#[test]
fn means_there_must_be_one_of_for_each_input() {
    let layer = Conv { means: vec![1.0; 5], ..Random(1).conv(16, 16, 1, [1, 1]) };
    let layers = [Layer::Conv(Random(1).conv(3, 16, 1, [3, 2])), Layer::Conv(layer)];
    let options = NetworkOptions { numbers: Numbers::F32, instructions: None, side: 8, mean: [0.0; 3] };
    let error = Network::new(&layers, &options).unwrap_err().to_string();
    assert!(error.contains("means must have 16 values, not 5"), "{error}");
}

/// As large as they can be, all of one sign, beyond the range too: what is cut off there must not turn round.
#[test]
fn the_largest_sums_do_not_overflow() {
    for n_in in [16, 100, 1024] {
        for (input, weight) in [(6.0, 1.0), (6.0, -1.0), (-6.0, 1.0), (9.0, 1.0)] {
            let stem = Random(5).conv(3, n_in, 1, [3, 2]);
            let bias = vec![input; n_in];
            let stem = Conv { weight: vec![0.0; n_in * 27], bias, activation: Activation::None, ..stem };
            let pointwise = Random(5).conv(n_in, 7, 1, [1, 1]);
            let weights = vec![weight; 7 * n_in];
            let pointwise =
                Conv { weight: weights, activation: Activation::None, range: (-6.0, 6.0), residual: None, ..pointwise };
            let wanted = n_in as f32 * input.clamp(-6.0, 6.0) * weight;
            let layers = [Layer::Conv(stem), Layer::Conv(pointwise)];
            for instructions in Instructions::ALL.into_iter().filter(|instructions| instructions.can(Numbers::Int16)) {
                let (numbers, instructions) = (Numbers::Int16, Some(instructions));
                let options = NetworkOptions { numbers, instructions, side: 8, mean: [0.0; 3] };
                let mut network = Network::new(&layers, &options).unwrap();
                let mut features = vec![0.0; 7];
                network.features(&[7; 8 * 8 * 3], &mut features).unwrap();
                let is_near = |x: &f32| (x - wanted).abs() < 1e-3 * wanted.abs() + 0.5;
                assert!(features.iter().all(is_near), "{n_in} {input} {weight} {instructions:?}: {features:?}");
            }
        }
    }
}
