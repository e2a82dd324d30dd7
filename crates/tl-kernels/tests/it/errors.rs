//! What is refused, and in which words.

use tl_kernels::{Conv, KernelError, Layer, Network, NetworkOptions, Numbers};

use crate::random::Random;

fn refusal(layers: &[Layer]) -> Option<String> {
    let options = NetworkOptions { numbers: Numbers::F32, instructions: None, side: 20, mean: [0.0; 3] };
    if !options.numbers.is_supported() {
        println!("skipped: no kernels for this processor");
        return None;
    }
    Some(Network::new(layers, &options).unwrap_err().to_string())
}

fn stem() -> Layer {
    Layer::Conv(Conv { padding: 1, ..Random(1).conv(3, 16, 1, [3, 2]) })
}

#[test]
fn a_layer_without_a_kernel_is_named() {
    let wide = Layer::Conv(Conv { padding: 1, ..Random(1).conv(16, 16, 1, [3, 1]) });
    let Some(refusal) = refusal(&[stem(), wide]) else { return };
    let wanted = "layer 1: no kernel for 16 to 16 channels in 1 groups, side 3, stride 1, padding 1, there";
    assert_eq!(refusal, wanted);
}

#[test]
fn layers_must_fit_together() {
    let other = Layer::Conv(Random(1).conv(24, 8, 1, [1, 1]));
    let Some(refusal) = refusal(&[stem(), other]) else { return };
    assert_eq!(refusal, "layer 1: it wants 24 channels and gets 16");
}

#[test]
fn slices_must_have_their_size() {
    let short = Layer::Conv(Conv { bias: vec![0.0; 7], ..Random(1).conv(16, 8, 1, [1, 1]) });
    let Some(refusal) = refusal(&[stem(), short]) else { return };
    assert_eq!(refusal, "layer 1: bias must have 8 values, not 7");
}

#[test]
fn what_is_added_must_have_the_same_shape() {
    for residual in [0, 1, 5] {
        let conv = Layer::Conv(Conv { residual: Some(residual), ..Random(1).conv(16, 8, 1, [1, 1]) });
        let Some(refusal) = refusal(&[stem(), conv]) else { return };
        assert_eq!(refusal, format!("layer 1: layer {residual}, which it adds, has another shape"));
    }
}

#[test]
fn a_network_begins_with_a_stem() {
    let conv = Layer::Conv(Random(1).conv(3, 8, 3, [3, 1]));
    assert!(refusal(&[conv]).is_none_or(|refusal| refusal.starts_with("layer 0: no kernel")));
    assert!(refusal(&[]).is_none_or(|refusal| refusal.contains("no layers")));
}

#[test]
fn sizes_and_ranges_that_make_no_sense_are_named() {
    let none = Conv { n_out: 0, weight: vec![], bias: vec![], ..Random(1).conv(16, 8, 1, [1, 1]) };
    assert!(refusal(&[stem(), Layer::Conv(none)]).is_none_or(|refusal| refusal == "layer 1: it has no channels"));
    for numbers in [Numbers::Int8, Numbers::Int16].into_iter().filter(|numbers| numbers.is_supported()) {
        let options = NetworkOptions { numbers, instructions: None, side: 20, mean: [0.0; 3] };
        for range in [(6.0, 0.0), (0.0, f32::NAN), (f32::NEG_INFINITY, 1.0)] {
            let conv = Layer::Conv(Conv { range, ..Random(1).conv(16, 8, 1, [1, 1]) });
            let text = Network::new(&[stem(), conv], &options).unwrap_err().to_string();
            assert!(text.starts_with("layer 1: range is "), "{text}");
        }
        let huge = Network::new(&[stem()], &NetworkOptions { side: usize::MAX / 2, ..options });
        assert!(huge.unwrap_err().to_string().contains("which must be 1 to 16384"));
    }
}

#[test]
fn values_that_are_no_numbers_are_refused() {
    for value in [f32::NAN, f32::INFINITY, f32::from_bits(u32::MAX)] {
        let mut conv = Random(1).conv(16, 8, 1, [1, 1]);
        conv.weight[77] = value;
        let Some(refusal) = refusal(&[stem(), Layer::Conv(conv)]) else { return };
        assert_eq!(refusal, "layer 1: weight holds a value that is infinite or no number");
    }
}

#[test]
fn int8_takes_no_more_channels_than_its_sums_have_room_for() {
    let (wide, options) =
        (70_000, NetworkOptions { numbers: Numbers::Int8, instructions: None, side: 2, mean: [0.0; 3] });
    if !options.numbers.is_supported() {
        return;
    }
    let range = (0.0, 6.0);
    let to_wide = Conv { range, ..Random(1).conv(16, wide, 1, [1, 1]) };
    let from_wide = Conv { range, ..Random(2).conv(wide, 16, 1, [1, 1]) };
    let refused = Network::new(&[stem(), Layer::Conv(to_wide), Layer::Conv(from_wide)], &options).unwrap_err();
    assert_eq!(refused.to_string(), "layer 2: 70000 channels in are too many for int8, which can add up 66311");
}

#[test]
fn photos_and_features_must_have_their_size() {
    let options = NetworkOptions { numbers: Numbers::F32, instructions: None, side: 20, mean: [0.0; 3] };
    let Ok(mut network) = Network::new(&[stem()], &options) else { return };
    let error = network.features(&[0; 10], &mut [0.0; 16]).unwrap_err();
    assert!(matches!(error, KernelError::Size { wanted: 1200, found: 10, .. }), "{error}");
    let error = network.features(&[0; 1200], &mut [0.0; 3]).unwrap_err();
    assert_eq!(error.to_string(), "the features must have 16 values, not 3");
}
