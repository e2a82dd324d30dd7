use tch::{Device, Kind, Tensor};
use tl_torch::{channels_last, empty_channels_last, is_channels_last};

#[test]
fn values_stay_and_strides_change() {
    let x = Tensor::arange(2 * 3 * 4 * 5, (Kind::Float, Device::Cpu)).view([2, 3, 4, 5]);
    let y = channels_last(&x).unwrap();
    assert!(!is_channels_last(&x) && is_channels_last(&y));
    assert_eq!(y.stride(), [60, 1, 15, 3]);
    assert_eq!(x, y);
    assert_eq!(channels_last(&y).unwrap().data_ptr(), y.data_ptr());
}

#[test]
fn one_channel_has_the_strides_of_the_format_too() {
    let x = Tensor::zeros([8, 1, 3, 3], (Kind::Float, Device::Cpu));
    assert_eq!(channels_last(&x).unwrap().stride(), [9, 1, 3, 1]);
    assert!(is_channels_last(&empty_channels_last([1, 3, 2, 2], Kind::BFloat16, Device::Cpu).unwrap()));
}

#[test]
fn only_four_dimensions_have_channels() {
    assert!(channels_last(&Tensor::zeros([2, 3], (Kind::Float, Device::Cpu))).is_err());
}
