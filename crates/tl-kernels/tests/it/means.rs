//! What rounding of weights loses on average, the bias takes up.

use tl_kernels::{Activation, Conv, Layer, Network, NetworkOptions, Numbers};

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
