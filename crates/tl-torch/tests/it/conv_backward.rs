//! The gradients of a convolution against autograd's.

use tch::{Kind, Tensor};
use tl_torch::{channels_last, conv_backward};

use crate::conv::{error, values};

#[test]
fn gradients_are_autograds() {
    for (channels, groups, kernel, stride) in [(12, 1, 1, 1), (12, 12, 3, 1), (12, 12, 3, 2), (3, 1, 3, 2)] {
        let x = channels_last(&values(&[3, channels, 9, 9], 1)).unwrap().set_requires_grad(true);
        let weight = values(&[12, channels / groups, kernel, kernel], 2).set_requires_grad(true);
        let y = x.conv2d::<Tensor>(&weight, None, stride, kernel / 2, 1, groups);
        let weighing = channels_last(&values(&y.size(), 3)).unwrap();
        let wanted = Tensor::run_backward(&[(&y * &weighing).sum(Kind::Float)], &[&x, &weight], false, false);
        let numbers = [stride, kernel / 2, groups];
        let both = conv_backward(&weighing, &x, &weight, numbers, [true, true]).unwrap();
        assert!(error(&both.input.unwrap(), &wanted[0]) < 1e-5);
        assert!(error(&both.weight.unwrap(), &wanted[1]) < 1e-5);
        let one = conv_backward(&weighing, &x, &weight, numbers, [false, true]).unwrap();
        assert!(one.input.is_none() && one.weight.is_some());
    }
}

#[test]
fn shapes_that_do_not_fit_are_an_error() {
    let (x, weight) = (values(&[1, 3, 9, 9], 1), values(&[4, 5, 1, 1], 2));
    assert!(conv_backward(&values(&[1, 4, 9, 9], 3), &x, &weight, [1, 0, 1], [true, true]).is_err());
}
