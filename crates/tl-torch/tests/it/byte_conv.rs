//! Convolution of bytes: the fused kernel against the plain operators, and both against numbers.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};
use tl_torch::{
    Activation, ByteConvScales, ByteScale, Conv, ConvOptions, Engine, TorchError, channels_last, to_vec_f32, to_vec_u8,
};

/// Whole numbers between `-limit` and `limit`, by a formula.
fn whole(shape: &[i64], salt: i64, limit: f64) -> Tensor {
    let n: i64 = shape.iter().product();
    let x = (Tensor::arange(n, (Kind::Double, Device::Cpu)) + salt) * 12.9898;
    (x.sin() * limit).round().view(shape)
}

fn bytes(shape: &[i64], salt: i64) -> Tensor {
    channels_last(&(whole(shape, salt, 127.0) + 128).to_kind(Kind::Uint8)).unwrap()
}

/// Largest difference.
fn difference(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a.to_kind(Kind::Double) - b.to_kind(Kind::Double)).abs().max().double_value(&[])
}

fn relu6() -> ByteScale {
    ByteScale::of_range(0.0, 6.0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fused_equals_plain(
        n in 1_i64..4, side in 3_i64..12, wide in any::<bool>(), stride in 1_i64..3, depthwise in any::<bool>(),
        signed in any::<bool>(), to_bytes in any::<bool>(), c_in in 1_i64..40, c_out in 1_i64..40,
    ) {
        let kernel = if wide { 3 } else { 1 };
        let groups = if depthwise { c_in } else { 1 };
        let c_out = if depthwise { c_in } else { c_out };
        let weight = whole(&[c_out, c_in / groups, kernel, kernel], 1, 127.0).to_kind(Kind::Int8);
        let weight_scale = (whole(&[c_out], 2, 50.0).abs() + 10).to_kind(Kind::Float) * 1e-4;
        let bias = whole(&[c_out], 3, 30.0).to_kind(Kind::Float) / 10;
        let x = bytes(&[n, c_in, side, side], 4);
        // Zero padding wants 0 to be byte 0 in the fused kernel as well, which all padded layers here have.
        let input = if signed && kernel == 1 { ByteScale::of_range(-2.0, 3.0) } else { relu6() };
        let scales = ByteConvScales { input, output: to_bytes.then(relu6), residual: None };
        let [fused, plain] = [Engine::Auto, Engine::Plain].map(|engine| {
            let options = ConvOptions { stride, padding: kernel / 2, groups, activation: Activation::Relu6, engine };
            let shape = x.size().try_into().unwrap();
            Conv::of_bytes(&weight, &weight_scale, &bias, shape, &options, scales).unwrap().forward(&x).unwrap()
        });
        // A sum that lies between two bytes may be rounded either way.
        let tolerance = if to_bytes { 1.0 } else { 1e-4 };
        prop_assert!(difference(&fused, &plain) <= tolerance);
    }
}

#[test]
fn a_residual_is_added_in_place_and_rescaled() {
    for engine in [Engine::Auto, Engine::Plain] {
        // 0.5 * (2 * byte) + 1 is added to bytes that mean -2 to 3.
        let (weight, half) = (Tensor::from_slice(&[2_i8]).view([1, 1, 1, 1]), Tensor::from_slice(&[0.5_f32]));
        let bias = Tensor::from_slice(&[1.0_f32]);
        let (before, output) = (ByteScale::of_range(-2.0, 3.0), ByteScale::of_range(-2.0, 10.0));
        let scales = ByteConvScales { input: relu6(), output: Some(output), residual: Some(before) };
        let options = ConvOptions { engine, ..ConvOptions::default() };
        let conv = Conv::of_bytes(&weight, &half, &bias, [1, 1, 2, 2], &options, scales).unwrap();
        let of = |values: [f32; 4]| channels_last(&Tensor::from_slice(&values).view([1, 1, 2, 2])).unwrap();
        let x = relu6().encode(&of([0.0, 1.0, 2.0, 6.0])).unwrap();
        let mut residual = before.encode(&of([-2.0, 0.0, 1.0, 3.0])).unwrap();
        conv.forward_add(&x, &mut residual).unwrap();
        let found = output.decode(&residual).unwrap();
        assert!(difference(&found, &of([-1.0, 2.0, 4.0, 10.0])) < 0.06, "{:?}", to_vec_f32(&found).unwrap());
    }
}

#[test]
fn zero_is_a_byte_and_what_is_out_of_range_is_its_end() {
    let scale = ByteScale::of_range(-1.0, 2.0);
    let found = scale.encode(&Tensor::from_slice(&[-9.0_f32, 0.0, 9.0])).unwrap();
    assert_eq!(to_vec_u8(&found).unwrap(), [0, 85, 255]);
    assert_eq!(to_vec_f32(&scale.decode(&found).unwrap()).unwrap()[1].to_bits(), 0);
}

#[test]
fn a_residual_without_a_scale_is_refused() {
    for engine in [Engine::Auto, Engine::Plain] {
        let (weight, one) = (Tensor::from_slice(&[1_i8]).view([1, 1, 1, 1]), Tensor::from_slice(&[1.0_f32]));
        let scales = ByteConvScales { input: relu6(), output: None, residual: None };
        let options = ConvOptions { engine, ..ConvOptions::default() };
        let conv = Conv::of_bytes(&weight, &one, &one, [1, 1, 2, 2], &options, scales).unwrap();
        let error = conv.forward_add(&bytes(&[1, 1, 2, 2], 1), &mut bytes(&[1, 1, 2, 2], 2)).unwrap_err();
        assert!(matches!(error, TorchError::Residual | TorchError::Libtorch(_)), "{error}");
    }
}

#[test]
fn scales_that_are_not_one_for_each_channel_are_refused() {
    let weight = Tensor::zeros([4, 2, 1, 1], (Kind::Int8, Device::Cpu));
    let bias = Tensor::zeros([4], (Kind::Float, Device::Cpu));
    let scales = ByteConvScales { input: relu6(), output: None, residual: None };
    for (n, kind) in [(2, Kind::Float), (8, Kind::Float), (4, Kind::Double)] {
        let scale = Tensor::ones([n], (kind, Device::Cpu));
        assert!(Conv::of_bytes(&weight, &scale, &bias, [1, 2, 3, 3], &ConvOptions::default(), scales).is_err());
    }
}
