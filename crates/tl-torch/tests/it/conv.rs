//! The fused convolution against the plain operators, for every shape that a `MobileNet` has.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};
use tl_torch::{Activation, Conv, ConvOptions, Engine, TorchError, channels_last};

const ACTIVATIONS: [Activation; 5] =
    [Activation::None, Activation::Relu, Activation::Relu6, Activation::Hardswish, Activation::Hardsigmoid];

/// Numbers about -1..1 by a formula: libtorch's generator is shared by all threads.
pub(crate) fn values(shape: &[i64], salt: i64) -> Tensor {
    let n: i64 = shape.iter().product();
    let x = (Tensor::arange(n, (Kind::Double, Device::Cpu)) + salt) * 12.9898;
    x.sin().to_kind(Kind::Float).view(shape)
}

pub(crate) fn error(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    ((&a - &b).norm() / (b.norm() + 1e-6)).double_value(&[])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn fused_equals_plain(
        n in 1_i64..4, side in 3_i64..12, kernel in 0_usize..3, stride in 1_i64..3,
        depthwise in any::<bool>(), bf16 in any::<bool>(), activation in 0_usize..5, c_in in 1_i64..40, c_out in 1_i64..40,
    ) {
        let kernel = [1, 3, 5][kernel];
        let groups = if depthwise { c_in } else { 1 };
        let c_out = if depthwise { c_in } else { c_out };
        let kind = if bf16 { Kind::BFloat16 } else { Kind::Float };
        let weight = values(&[c_out, c_in / groups, kernel, kernel], 1).to_kind(kind);
        let bias = values(&[c_out], 2);
        let x = channels_last(&values(&[n, c_in, side, side], 3).to_kind(kind)).unwrap();
        let options = |engine| ConvOptions { stride, padding: kernel / 2, groups, activation: ACTIVATIONS[activation], engine };
        let [fused, plain] = [Engine::Auto, Engine::Plain].map(|engine| {
            let conv = Conv::new(&weight, &bias, x.size().try_into().unwrap(), &options(engine)).unwrap();
            conv.forward(&x).unwrap()
        });
        let tolerance = if bf16 { 2e-2 } else { 1e-5 };
        prop_assert!(error(&fused, &plain) < tolerance);
    }
}

#[test]
fn a_residual_is_added_in_place() {
    for engine in [Engine::Auto, Engine::Plain] {
        let (weight, bias) = (values(&[8, 8, 1, 1], 1), values(&[8], 2));
        let x = channels_last(&values(&[2, 8, 5, 5], 3)).unwrap();
        let mut residual = channels_last(&values(&[2, 8, 5, 5], 4)).unwrap();
        let wanted = x.conv2d(&weight, Some(&bias), 1, 0, 1, 1) + &residual;
        let conv = Conv::new(&weight, &bias, [2, 8, 5, 5], &ConvOptions { engine, ..ConvOptions::default() }).unwrap();
        conv.forward_add(&x, &mut residual).unwrap();
        assert!(error(&residual, &wanted) < 1e-5);
    }
}

#[test]
fn the_fused_kernels_are_there_and_can_be_refused() {
    let (weight, bias) = (values(&[1, 1, 1, 1], 1), values(&[1], 2));
    let new =
        |engine| Conv::new(&weight, &bias, [1, 1, 1, 1], &ConvOptions { engine, ..ConvOptions::default() }).unwrap();
    assert!(!new(Engine::Plain).is_fused());
    assert_eq!(new(Engine::Auto).is_fused(), cfg!(target_arch = "x86_64"));
}

#[test]
fn wrong_shapes_are_errors() {
    let (weight, bias) = (values(&[4, 3, 1, 1], 1), values(&[4], 2));
    let conv = Conv::new(&weight, &bias, [1, 3, 8, 8], &ConvOptions::default()).unwrap();
    let error = conv.forward(&values(&[1, 4, 8, 8], 3)).unwrap_err();
    assert_eq!(error.to_string(), "convolution was made for an input of shape [1, 3, 8, 8], but got [1, 4, 8, 8]");
    for engine in [Engine::Auto, Engine::Plain] {
        let options = ConvOptions { engine, ..ConvOptions::default() };
        let bias = values(&[5], 2);
        assert!(matches!(Conv::new(&weight, &bias, [1, 3, 8, 8], &options), Err(TorchError::Weights { .. })));
        let options = ConvOptions { groups: 0, ..options };
        assert!(matches!(
            Conv::new(&weight, &values(&[4], 2), [1, 3, 8, 8], &options),
            Err(TorchError::Weights { .. })
        ));
    }
}

#[test]
fn what_libtorch_says_is_one_line() {
    let conv = Conv::new(&values(&[4, 3, 1, 1], 1), &values(&[4], 2), [1, 3, 8, 8], &ConvOptions::default()).unwrap();
    let half = values(&[1, 3, 8, 8], 3).to_kind(Kind::Int64);
    let Err(TorchError::Libtorch(message)) = conv.forward(&half) else { panic!("integers were convolved") };
    assert!(!message.is_empty() && !message.contains('\n'));
}

#[test]
fn a_layer_with_an_activation_adds_to_nothing() {
    for engine in [Engine::Auto, Engine::Plain] {
        let options = ConvOptions { activation: Activation::Relu, engine, ..ConvOptions::default() };
        let one = |shape: &[i64]| channels_last(&Tensor::ones(shape, (Kind::Float, Device::Cpu))).unwrap();
        let bias = Tensor::ones([1], (Kind::Float, Device::Cpu));
        let conv = Conv::new(&one(&[1, 1, 1, 1]), &bias, [1, 1, 2, 2], &options).unwrap();
        let error = conv.forward_add(&one(&[1, 1, 2, 2]), &mut one(&[1, 1, 2, 2])).unwrap_err();
        assert!(matches!(error, TorchError::SumWithActivation | TorchError::Libtorch(_)), "{error}");
    }
}
