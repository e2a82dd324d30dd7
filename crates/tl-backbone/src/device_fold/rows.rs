//! The kernels of several layers as one row of numbers, in which each knows its output channel; so are biases, scales and
//! statistics one row of channels. What is done to all of them is then one operator.

use tch::{Kind, Tensor};

use crate::{architecture::ConvBn, backbone::Backbone, error::BackboneError};

/// How numbers and channels lie in the rows, and the statistics, which stay.
#[derive(Debug)]
pub(super) struct Rows {
    convs: Vec<ConvBn>,
    /// `1 / sqrt(var + eps)` and mean of each channel.
    inverses: Tensor,
    means: Tensor,
    /// Numbers in the kernel of each channel.
    lengths: Tensor,
    /// The channel of each number.
    channels: Tensor,
}

/// What the chain rule needs.
#[derive(Debug)]
pub(super) struct Scaled {
    /// Of all kernels before they were folded.
    numbers: Tensor,
    /// What each of them was multiplied by.
    scales: Tensor,
}

impl Rows {
    /// Of these layers, if there are any.
    pub(super) fn new(backbone: &Backbone, convs: Vec<ConvBn>) -> Result<Option<Self>, BackboneError> {
        if convs.is_empty() {
            return Ok(None);
        }
        let inverses = row(convs.iter().map(|conv| backbone.inverse_deviation(conv)))?;
        let means = row(convs.iter().map(|conv| Ok(backbone.get(&conv.bn, "running_mean")?.shallow_clone())))?;
        let of_channels = |conv: &ConvBn| vec![conv.weight_shape()[1..].iter().product::<i64>(); conv.n_out as usize];
        let lengths: Vec<i64> = convs.iter().flat_map(of_channels).collect();
        let lengths = Tensor::f_from_slice(&lengths)?.f_to_device(means.device())?;
        let places = Tensor::f_arange(means.size()[0], (Kind::Int64, means.device()))?;
        let channels = places.f_repeat_interleave_self_tensor(&lengths, 0, None)?;
        Ok(Some(Self { convs, inverses, means, lengths, channels }))
    }

    /// Kernel and bias of each layer in turn, of `kind`.
    pub(super) fn fold(&self, backbone: &Backbone, kind: Kind) -> Result<(Vec<Tensor>, Scaled), BackboneError> {
        let of_bn = |name| row(self.convs.iter().map(|conv| Ok(backbone.get(&conv.bn, name)?.shallow_clone())));
        let by_channel = of_bn("weight")?.f_mul(&self.inverses)?;
        let biases = of_bn("bias")?.f_sub(&self.means.f_mul(&by_channel)?)?;
        let kernels = self.convs.iter().map(|conv| Ok(backbone.get(&conv.conv, "weight")?.f_reshape([-1])?));
        let (numbers, scales) = (row(kernels)?, by_channel.f_index_select(0, &self.channels)?);
        let kernels = self.kernels(&numbers.f_mul(&scales)?.f_to_kind(kind)?)?;
        let biases = self.by_layer(&biases.f_to_kind(kind)?)?;
        let folded = kernels.into_iter().zip(biases).flat_map(<[Tensor; 2]>::from).collect();
        Ok((folded, Scaled { numbers, scales }))
    }

    /// Gradients of parameters from those of kernels and biases: `weight' = weight·s` and `bias' = bias - mean·s` with
    /// `s = scale / sqrt(var + eps)`.
    pub(super) fn unfold(
        &self,
        scaled: &Scaled,
        of_kernels: &[&Tensor],
        of_biases: &[&Tensor],
    ) -> Result<impl Iterator<Item = (String, Tensor)>, BackboneError> {
        let of_kernels =
            row(of_kernels.iter().map(|gradient| Ok(gradient.f_reshape([-1])?)))?.f_to_kind(Kind::Float)?;
        let of_biases = Tensor::f_cat(of_biases, 0)?.f_to_kind(Kind::Float)?;
        let products = of_kernels.f_mul(&scaled.numbers)?;
        // Unchecked: to look at the lengths is to wait for the GPU.
        let (none, unchecked) = (None::<&Tensor>, true);
        let sums = Tensor::f_segment_reduce(&products, "sum", Some(&self.lengths), none, none, 0, unchecked, 0.0)?;
        let of_scales = sums.f_sub(&of_biases.f_mul(&self.means)?)?.f_mul(&self.inverses)?;
        let kernels = self.kernels(&of_kernels.f_mul(&scaled.scales)?)?;
        let norms = self.by_layer(&of_scales)?.into_iter().zip(self.by_layer(&of_biases)?);
        Ok(self.convs.iter().zip(kernels).zip(norms).flat_map(|((conv, kernel), (scale, bias))| {
            let of_bn = |name| format!("{}.{name}", conv.bn);
            [(format!("{}.weight", conv.conv), kernel), (of_bn("weight"), scale), (of_bn("bias"), bias)]
        }))
    }

    /// A row of numbers as the kernels that it is made of.
    fn kernels(&self, row: &Tensor) -> Result<Vec<Tensor>, BackboneError> {
        let lengths = self.convs.iter().map(|conv| conv.weight_shape().iter().product());
        let kernels = row.f_split_with_sizes(lengths.collect::<Vec<i64>>(), 0)?;
        self.convs.iter().zip(kernels).map(|(conv, kernel)| Ok(kernel.f_view(&conv.weight_shape()[..])?)).collect()
    }

    /// A row of channels by layer.
    fn by_layer(&self, row: &Tensor) -> Result<Vec<Tensor>, BackboneError> {
        Ok(row.f_split_with_sizes(self.convs.iter().map(|conv| conv.n_out).collect::<Vec<_>>(), 0)?)
    }
}

/// One after the other.
fn row(parts: impl Iterator<Item = Result<Tensor, BackboneError>>) -> Result<Tensor, BackboneError> {
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    Ok(Tensor::f_cat(&parts, 0)?)
}
