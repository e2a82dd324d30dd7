//! Convolution of bytes.

use tch::{Kind, Tensor};

use crate::{
    byte_scale::ByteScale,
    conv::{Conv, ConvOptions, Form, check_weights, plain},
    error::TorchError,
    ffi::{self, OwnedLayer},
    layout::channels_last,
};

/// How the numbers around a convolution of bytes are written.
#[derive(Debug, Clone, Copy)]
pub struct ByteConvScales {
    /// The input.
    pub input: ByteScale,
    /// The output; `None` leaves it in f32. Where it is bytes, the activation is not computed: their range must stand
    /// for it, as 0 to 6 does for relu6.
    pub output: Option<ByteScale>,
    /// What [`Conv::forward_add`] finds in its residual, and overwrites with the output.
    pub residual: Option<ByteScale>,
}

impl Conv {
    /// A convolution of bytes, summed in 32-bit integers.
    ///
    /// The weights are `weight_scale[c] * weight[c, ..]` with `weight` `[C_out, C_in / groups, K, K] i8` and
    /// `weight_scale` `[C_out] f32`; `bias` is `[C_out] f32`. The input's shape is `[N, C_in, H, W] u8`.
    ///
    /// # Errors
    /// [`TorchError::Weights`] for weights, scales, bias and groups that do not fit each other or the input,
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn of_bytes(
        weight: &Tensor,
        weight_scale: &Tensor,
        bias: &Tensor,
        input_shape: [i64; 4],
        options: &ConvOptions,
        scales: ByteConvScales,
    ) -> Result<Self, TorchError> {
        check_weights(weight, bias, input_shape[1], options)?;
        // oneDNN reads as many as there are channels, without asking.
        if weight_scale.kind() != Kind::Float || !weight_scale.is_contiguous() {
            let found = format!("{:?} scales of stride {:?}", weight_scale.kind(), weight_scale.stride());
            return Err(TorchError::NotDense { wanted: Kind::Float, found });
        }
        check_weights(weight, weight_scale, input_shape[1], options)?;
        let _guard = tch::no_grad_guard();
        let form = match options.engine.is_fused_on_bytes() {
            true => Form::Fused(fused(weight, weight_scale, bias, input_shape, options, scales)?),
            false => Form::PlainBytes(PlainByteConv {
                weight: channels_last(&weight.f_to_kind(Kind::Float)?.f_mul(&weight_scale.f_view([-1, 1, 1, 1])?)?)?,
                bias: bias.shallow_clone(),
                options: options.clone(),
                scales,
            }),
        };
        Ok(Self { form, input_shape })
    }
}

/// The same in f32.
#[derive(Debug)]
pub(crate) struct PlainByteConv {
    weight: Tensor,
    bias: Tensor,
    options: ConvOptions,
    scales: ByteConvScales,
}

impl PlainByteConv {
    pub(crate) fn forward(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        let sum = self.sum(input)?;
        match self.scales.output {
            Some(scale) => scale.encode(&sum),
            None => self.options.activation.apply(&sum),
        }
    }

    pub(crate) fn forward_add(&self, input: &Tensor, residual: &mut Tensor) -> Result<(), TorchError> {
        let (Some(output), Some(before)) = (self.scales.output, self.scales.residual) else {
            return Err(TorchError::Residual);
        };
        let sum = self.sum(input)?.f_add(&before.decode(residual)?)?;
        residual.f_copy_(&output.encode(&sum)?)?;
        Ok(())
    }

    fn sum(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        plain(&self.scales.input.decode(input)?, &self.weight, &self.bias, &self.options)
    }
}

#[allow(unsafe_code)]
fn fused(
    weight: &Tensor,
    weight_scale: &Tensor,
    bias: &Tensor,
    input: [i64; 4],
    options: &ConvOptions,
    scales: ByteConvScales,
) -> Result<OwnedLayer, TorchError> {
    let ConvOptions { stride, padding, groups, activation, .. } = *options;
    let bytes = [Some(scales.input), scales.output, scales.residual].map(ByteScale::raw);
    // SAFETY: the tensors live through the call, `input` and `bytes` have the four and three entries that the shim
    // reads, and the shapes fit each other.
    OwnedLayer::create(|layer| unsafe {
        ffi::tlt_byte_conv_new(
            weight.as_ptr(),
            weight_scale.as_ptr(),
            bias.as_ptr(),
            input.as_ptr(),
            stride,
            padding,
            groups,
            activation.code(),
            bytes.as_ptr(),
            layer,
        )
    })
}
