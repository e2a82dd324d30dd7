//! The gradients of a convolution, without a graph.

use tch::Tensor;

use crate::{error::TorchError, ffi};

/// What [`conv_backward`] was asked for.
#[derive(Debug)]
pub struct ConvGradients {
    /// Of the input, in its shape.
    pub input: Option<Tensor>,
    /// Of the weight, in its shape.
    pub weight: Option<Tensor>,
}

/// Gradients of a convolution without bias, from the `gradient` of its output `[N, C_out, H', W']`.
///
/// `input` is `[N, C_in, H, W]` and `weight` `[C_out, C_in / groups, K, K]`, as the convolution saw them, with `stride`
/// and `padding` the same in both directions; `wanted` says whether of the input and whether of the weight. Autograd
/// gives the same, but only of a graph that it recorded itself, and for a loss.
///
/// # Errors
/// [`TorchError::Libtorch`] for tensors that do not fit each other.
pub fn conv_backward(
    gradient: &Tensor,
    input: &Tensor,
    weight: &Tensor,
    [stride, padding, groups]: [i64; 3],
    wanted: [bool; 2],
) -> Result<ConvGradients, TorchError> {
    let mut found = [std::ptr::null_mut(); 2];
    let [of_input, of_weight] = &mut found;
    // SAFETY: the three tensors live through the call, and both places can be written to.
    #[allow(unsafe_code)]
    ffi::check(unsafe {
        ffi::tlt_conv_backward(
            gradient.as_ptr(),
            input.as_ptr(),
            weight.as_ptr(),
            stride,
            padding,
            groups,
            wanted[0].into(),
            wanted[1].into(),
            of_input,
            of_weight,
        )
    })?;
    let [input, weight] = found.map(|pointer| {
        // SAFETY: what is not null is a new tensor that the shim handed over, and that Rust now owns.
        #[allow(unsafe_code)]
        (!pointer.is_null()).then(|| unsafe { Tensor::from_ptr(pointer) })
    });
    Ok(ConvGradients { input, weight })
}
