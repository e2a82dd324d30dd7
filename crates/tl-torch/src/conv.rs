//! Convolution with its activation in one pass over memory.

use tch::{Kind, Tensor};

use crate::{
    activation::Activation,
    byte_conv::PlainByteConv,
    cpu::CpuCapability,
    error::TorchError,
    ffi::{self, OwnedLayer},
    layout::channels_last,
};

/// How a convolution runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Engine {
    /// oneDNN's fused kernels where this libtorch has them for this processor, else plain operators.
    #[default]
    Auto,
    /// Plain operators of libtorch, the same on every platform.
    Plain,
}

impl Engine {
    /// On weights of this kind.
    #[allow(unsafe_code)]
    pub(crate) fn is_fused(self, kind: Kind) -> bool {
        let is_able = kind != Kind::BFloat16 || CpuCapability::detect().has_onednn_bf16();
        // SAFETY: the function only looks names up in libtorch's table of operators.
        self == Self::Auto && is_able && unsafe { ffi::tlt_has_operators() } != 0
    }

    /// Not without instructions for bytes: oneDNN then adds up two products in 16 bits, which cuts them off.
    #[allow(unsafe_code)]
    pub(crate) fn is_fused_on_bytes(self) -> bool {
        // SAFETY: as above.
        self == Self::Auto && CpuCapability::detect().has_fast_int8() && unsafe { ffi::tlt_has_byte_operators() } != 0
    }
}

/// The numbers of a convolution beside its weights; the same in both directions of the image.
#[derive(Debug, Clone)]
pub struct ConvOptions {
    /// Step between outputs.
    pub stride: i64,
    /// Zeros added on each side.
    pub padding: i64,
    /// Groups of channels that see only each other; all of them in a depthwise convolution.
    pub groups: i64,
    /// What is done to each output.
    pub activation: Activation,
    /// How it runs.
    pub engine: Engine,
}

impl Default for ConvOptions {
    fn default() -> Self {
        Self { stride: 1, padding: 0, groups: 1, activation: Activation::None, engine: Engine::Auto }
    }
}

/// A 2-D convolution, bias and activation for inputs of one shape, its weights packed in the order that the
/// kernel reads them. Keeps no gradients.
#[derive(Debug)]
pub struct Conv {
    pub(crate) form: Form,
    pub(crate) input_shape: [i64; 4],
}

#[derive(Debug)]
pub(crate) enum Form {
    Fused(OwnedLayer),
    Plain { weight: Tensor, bias: Tensor, options: ConvOptions },
    PlainBytes(PlainByteConv),
}

impl Conv {
    /// Packs `weight` `[C_out, C_in / groups, K, K]`, f32 or bf16, and `bias` `[C_out] f32` for inputs
    /// of shape `[N, C_in, H, W]` of the same kind. Other batch sizes work too, only less well.
    ///
    /// # Errors
    /// [`TorchError::Weights`] for weights, bias and groups that do not fit each other or the input,
    /// [`TorchError::Libtorch`] when libtorch refuses.
    pub fn new(
        weight: &Tensor,
        bias: &Tensor,
        input_shape: [i64; 4],
        options: &ConvOptions,
    ) -> Result<Self, TorchError> {
        check_weights(weight, bias, input_shape[1], options)?;
        let _guard = tch::no_grad_guard();
        let weight = channels_last(weight)?;
        let form = match options.engine.is_fused(weight.kind()) {
            true => Form::Fused(fused(&weight, bias, input_shape, options)?),
            false => Form::Plain { bias: bias.f_to_kind(weight.kind())?, weight, options: options.clone() },
        };
        Ok(Self { form, input_shape })
    }

    /// The layer's output `[N, C_out, H', W']` on `input` `[N, C_in, H, W]`, channels-last.
    ///
    /// # Errors
    /// [`TorchError::Input`] for an input of another shape, [`TorchError::Libtorch`] when libtorch refuses.
    pub fn forward(&self, input: &Tensor) -> Result<Tensor, TorchError> {
        self.check(input)?;
        match &self.form {
            Form::Fused(layer) => layer.forward(input),
            Form::Plain { weight, bias, options } => options.activation.apply(&plain(input, weight, bias, options)?),
            Form::PlainBytes(conv) => conv.forward(input),
        }
    }

    /// Adds the layer's output to `residual`, in place. Only for layers without activation.
    ///
    /// # Errors
    /// As [`Self::forward`]; [`TorchError::SumWithActivation`] or [`TorchError::Libtorch`] for a layer with an
    /// activation; [`TorchError::Residual`] or [`TorchError::Libtorch`] for a convolution of bytes without
    /// the scales of its output and its residual, and [`TorchError::Libtorch`] for a residual that does not fit.
    pub fn forward_add(&self, input: &Tensor, residual: &mut Tensor) -> Result<(), TorchError> {
        self.check(input)?;
        match &self.form {
            Form::Fused(layer) => layer.forward_add(input, residual),
            // Nobody could tell whether it comes before the sum or after it.
            Form::Plain { options: ConvOptions { activation, .. }, .. } if *activation != Activation::None => {
                Err(TorchError::SumWithActivation)
            }
            Form::Plain { weight, bias, options } => {
                let _ = residual.f_add_(&plain(input, weight, bias, options)?)?;
                Ok(())
            }
            Form::PlainBytes(conv) => conv.forward_add(input, residual),
        }
    }

    /// Whether it runs on oneDNN's fused kernels.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        matches!(self.form, Form::Fused(_))
    }

    /// Everything but the batch size must be what the weights were packed for.
    fn check(&self, input: &Tensor) -> Result<(), TorchError> {
        let found = input.size();
        match found.len() == 4 && found[1..] == self.input_shape[1..] {
            true => Ok(()),
            false => Err(TorchError::Input { operation: "convolution", wanted: self.input_shape.to_vec(), found }),
        }
    }
}

/// What kernels take for granted.
pub(crate) fn check_weights(
    weight: &Tensor,
    bias: &Tensor,
    n_in: i64,
    options: &ConvOptions,
) -> Result<(), TorchError> {
    let (shape, groups) = (weight.size(), options.groups);
    let fits = shape.len() == 4
        && groups > 0
        && options.stride > 0
        && options.padding >= 0
        && shape[0] % groups == 0
        && shape[1].checked_mul(groups) == Some(n_in)
        && bias.size() == [shape[0]];
    match fits {
        true => Ok(()),
        false => Err(TorchError::Weights { weight: shape, bias: bias.size(), groups, n_in }),
    }
}

#[allow(unsafe_code)]
fn fused(weight: &Tensor, bias: &Tensor, input: [i64; 4], options: &ConvOptions) -> Result<OwnedLayer, TorchError> {
    let ConvOptions { stride, padding, groups, activation, .. } = *options;
    // SAFETY: both tensors live through the call, `input` has the four numbers that the shim reads, and the
    // shapes fit each other.
    OwnedLayer::create(|layer| unsafe {
        ffi::tlt_conv_new(
            weight.as_ptr(),
            bias.as_ptr(),
            input.as_ptr(),
            stride,
            padding,
            groups,
            activation.code(),
            layer,
        )
    })
}

pub(crate) fn plain(
    input: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    options: &ConvOptions,
) -> Result<Tensor, TorchError> {
    let ConvOptions { stride, padding, groups, .. } = *options;
    let _guard = tch::no_grad_guard();
    Ok(input.f_conv2d(weight, Some(bias), [stride, stride], [padding, padding], [1, 1], groups)?)
}
