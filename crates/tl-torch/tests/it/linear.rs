use tch::{Kind, Tensor};
use tl_torch::{Activation, Engine, Linear, TorchError, tensor_from_f32, to_vec_f32};

fn weight() -> Tensor {
    tensor_from_f32(&[1.0, 2.0, 3.0, -1.0, -2.0, -3.0], &[2, 3]).unwrap()
}

#[test]
fn both_engines_give_the_formula() {
    let bias = tensor_from_f32(&[0.5, 20.0], &[2]).unwrap();
    let x = tensor_from_f32(&[1.0, 1.0, 1.0, -1.0, 0.0, 0.0], &[2, 3]).unwrap();
    for engine in [Engine::Auto, Engine::Plain] {
        let linear = |activation| Linear::new(&weight(), &bias, 2, activation, engine).unwrap();
        assert_eq!(to_vec_f32(&linear(Activation::None).forward(&x).unwrap()).unwrap(), [6.5, 14.0, -0.5, 21.0]);
        assert_eq!(to_vec_f32(&linear(Activation::Relu6).forward(&x).unwrap()).unwrap(), [6.0, 6.0, 0.0, 6.0]);
        let halves = x.to_kind(Kind::BFloat16);
        let (weight, bias) = (weight().to_kind(Kind::BFloat16), bias.to_kind(Kind::BFloat16));
        let linear = Linear::new(&weight, &bias, 2, Activation::Relu, engine).unwrap();
        assert_eq!(to_vec_f32(&linear.forward(&halves).unwrap()).unwrap(), [6.5, 14.0, 0.0, 21.0]);
    }
}

#[test]
fn another_batch_size_works() {
    let bias = tensor_from_f32(&[0.0, 0.0], &[2]).unwrap();
    let linear = Linear::new(&weight(), &bias, 8, Activation::None, Engine::Auto).unwrap();
    let x = tensor_from_f32(&[1.0, 0.0, 0.0], &[1, 3]).unwrap();
    assert_eq!(to_vec_f32(&linear.forward(&x).unwrap()).unwrap(), [1.0, -1.0]);
}

#[test]
fn another_width_is_an_error() {
    let bias = tensor_from_f32(&[0.0, 0.0], &[2]).unwrap();
    let linear = Linear::new(&weight(), &bias, 1, Activation::None, Engine::Auto).unwrap();
    let x = tensor_from_f32(&[1.0, 0.0], &[1, 2]).unwrap();
    assert!(matches!(linear.forward(&x), Err(TorchError::Input { .. })));
    let short = tensor_from_f32(&[0.0], &[1]).unwrap();
    assert!(matches!(
        Linear::new(&weight(), &short, 1, Activation::None, Engine::Auto),
        Err(TorchError::Weights { .. })
    ));
}
