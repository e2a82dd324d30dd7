use proptest::prelude::*;
use tch::{Device, Kind, Tensor};
use tl_torch::{TorchError, deep_copy, f32_mut, tensor_from_f32, tensor_from_u8, to_vec_f32, to_vec_u8, u8_slice};

proptest! {
    #[test]
    fn what_goes_in_comes_out(a in 0_i64..5, b in 0_i64..5, seed in any::<u32>()) {
        let n = (a * b) as u32;
        let floats: Vec<f32> = (0..n).map(|i| (seed % 1000 + i) as f32 / 7.0).collect();
        let bytes: Vec<u8> = (0..n).map(|i| (seed.wrapping_add(i) & 255) as u8).collect();
        prop_assert_eq!(to_vec_f32(&tensor_from_f32(&floats, &[a, b]).unwrap()).unwrap(), floats);
        prop_assert_eq!(to_vec_u8(&tensor_from_u8(&bytes, &[a, b]).unwrap()).unwrap(), bytes);
    }
}

#[test]
fn a_slice_of_the_wrong_length_is_an_error() {
    let error = tensor_from_f32(&[1.0, 2.0], &[3]).unwrap_err();
    assert!(matches!(error, TorchError::Length { wanted: 3, found: 2, .. }));
    assert_eq!(error.to_string(), "a tensor of shape [3] has 3 values, but 2 were given");
    assert!(matches!(tensor_from_u8(&[], &[-1]), Err(TorchError::Shape(_))));
    assert!(matches!(tensor_from_u8(&[], &[i64::MAX, 4]), Err(TorchError::Shape(_))));
}

#[test]
fn order_of_indices_counts_not_strides() {
    let x = tensor_from_f32(&[1.0, 2.0, 3.0, 4.0], &[2, 2]).unwrap().tr();
    assert_eq!(to_vec_f32(&x).unwrap(), [1.0, 3.0, 2.0, 4.0]);
    let halves = tensor_from_f32(&[1.0, -2.0], &[2]).unwrap().to_kind(Kind::BFloat16);
    assert_eq!(to_vec_f32(&halves).unwrap(), [1.0, -2.0]);
}

#[test]
fn slices_need_the_right_kind_and_no_gaps() {
    let mut x = Tensor::zeros([4, 4], (Kind::Float, Device::Cpu));
    f32_mut(&mut x).unwrap()[5] = 7.0;
    assert_eq!(to_vec_f32(&x.get(1)).unwrap(), [0.0, 7.0, 0.0, 0.0]);
    assert!(matches!(u8_slice(&x), Err(TorchError::NotDense { wanted: Kind::Uint8, .. })));
    assert!(f32_mut(&mut x.narrow(1, 0, 2)).is_err());
    assert!(f32_mut(&mut x.tr()).is_ok());
    assert_eq!(u8_slice(&tensor_from_u8(&[1, 2], &[2]).unwrap()).unwrap(), [1, 2]);
    assert!(u8_slice(&Tensor::zeros([1], (Kind::Uint8, Device::Cpu)).expand([3], false)).is_err());
}

#[test]
fn a_copy_is_a_copy() {
    let x = Tensor::ones([2], (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let mut copy = deep_copy(&x).unwrap();
    let _ = copy.fill_(5.0);
    assert_eq!(to_vec_f32(&x).unwrap(), [1.0, 1.0]);
    assert!(!copy.requires_grad());
}
