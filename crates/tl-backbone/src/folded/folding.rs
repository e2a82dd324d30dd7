//! From a backbone to its folded form, and from the gradients of that back to the backbone's.

use tch::{Device, Kind, Tensor};
use tl_torch::deep_copy;

use super::Folded;
use crate::{
    architecture::{Block, ConvBn, Layer},
    backbone::Backbone,
    error::BackboneError,
    layout::Layout,
    precision::Precision,
};

impl Backbone {
    /// The folded form of the blocks from the first trained one on, as the weights are now.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when there is no memory for it.
    pub fn fold(&self, precision: Precision) -> Result<Folded, BackboneError> {
        self.fold_blocks(&self.architecture.blocks[self.first_trained..], self.trained_blocks(), precision)
    }

    /// The folded form of the frozen blocks before those: all of a network without a trained layer.
    ///
    /// # Errors
    /// As [`Self::fold`].
    pub fn fold_frozen(&self, precision: Precision) -> Result<Folded, BackboneError> {
        let blocks = &self.architecture.blocks[..self.first_trained];
        let layers = blocks.iter().flat_map(|block| &block.layers);
        self.fold_blocks(blocks, layers.map(|layer| (layer, false)), precision)
    }

    /// `layers` are those of `blocks`, each with whether it is trained.
    fn fold_blocks<'a>(
        &self,
        blocks: &[Block],
        layers: impl Iterator<Item = (&'a Layer, bool)>,
        precision: Precision,
    ) -> Result<Folded, BackboneError> {
        let _guard = tch::no_grad_guard();
        let (kind, layout) = (precision.kind(), Layout::of(self.device()));
        let (mut values, mut trained) = (Vec::new(), Vec::new());
        for (layer, is_trained) in layers {
            let folded = match layer {
                Layer::Conv(conv) => {
                    let scale = self.scale(conv)?;
                    let weight = self.get(&conv.conv, "weight")?.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
                    let mean = self.get(&conv.bn, "running_mean")?;
                    vec![weight, self.get(&conv.bn, "bias")?.f_sub(&mean.f_mul(&scale)?)?]
                }
                Layer::SqueezeExcite(se) => self.excite_tensors(se)?,
            };
            for value in folded {
                let value = deep_copy(&value.f_to_kind(kind)?)?;
                values.push(if value.dim() == 4 { layout.apply(&value)? } else { value });
                trained.push(is_trained);
            }
        }
        Ok(Folded { blocks: blocks.to_vec(), padding: self.architecture.padding, kind, layout, values, trained })
    }

    fn device(&self) -> Device {
        self.tensors().next().map_or(Device::Cpu, |(_, tensor)| tensor.device())
    }

    /// From the gradients of [`Folded::leaves`] to those of the trained parameters, with their names, f32.
    ///
    /// # Errors
    /// [`BackboneError::Folded`] for too few gradients, [`BackboneError::Torch`] for those of other shapes.
    pub fn unfold(&self, gradients: &[Tensor]) -> Result<Vec<(String, Tensor)>, BackboneError> {
        let _guard = tch::no_grad_guard();
        let mut gradients = gradients.iter();
        let mut next = || gradients.next().ok_or(BackboneError::Folded);
        let mut unfolded = Vec::new();
        for (layer, _) in self.trained_blocks().filter(|(_, trained)| *trained) {
            match layer {
                Layer::Conv(conv) => unfolded.extend(self.unfold_conv(conv, next()?, next()?)?),
                Layer::SqueezeExcite(se) => {
                    for name in se.names() {
                        unfolded.push((name, next()?.f_to_kind(Kind::Float)?));
                    }
                }
            }
        }
        Ok(unfolded)
    }

    /// `weight' = weight·s` and `bias' = bias - mean·s` with `s = scale / sqrt(var + eps)`.
    fn unfold_conv(
        &self,
        conv: &ConvBn,
        weight: &Tensor,
        bias: &Tensor,
    ) -> Result<[(String, Tensor); 3], BackboneError> {
        let (weight, bias) = (weight.f_to_kind(Kind::Float)?, bias.f_to_kind(Kind::Float)?);
        let products = weight.f_mul(self.get(&conv.conv, "weight")?)?;
        let of_s = products
            .f_sum_dim_intlist(&[1, 2, 3][..], false, Kind::Float)?
            .f_sub(&bias.f_mul(self.get(&conv.bn, "running_mean")?)?)?;
        let of_scale = of_s.f_mul(&self.inverse_deviation(conv)?)?;
        let of_weight = weight.f_mul(&self.scale(conv)?.f_view([-1, 1, 1, 1])?)?.f_contiguous()?;
        let name = |prefix: &str, tensor: &str| format!("{prefix}.{tensor}");
        Ok([
            (name(&conv.conv, "weight"), of_weight),
            (name(&conv.bn, "weight"), of_scale),
            (name(&conv.bn, "bias"), bias),
        ])
    }

    fn scale(&self, conv: &ConvBn) -> Result<Tensor, BackboneError> {
        Ok(self.get(&conv.bn, "weight")?.f_mul(&self.inverse_deviation(conv)?)?)
    }

    pub(crate) fn inverse_deviation(&self, conv: &ConvBn) -> Result<Tensor, BackboneError> {
        Ok(self.get(&conv.bn, "running_var")?.f_add_scalar(self.architecture.bn_eps)?.f_rsqrt()?)
    }

    /// The layers of the blocks from the first trained one on, each with whether it is trained.
    pub(crate) fn trained_blocks(&self) -> impl Iterator<Item = (&Layer, bool)> {
        let before: usize = self.architecture.blocks[..self.first_trained].iter().map(|block| block.layers.len()).sum();
        let layers = self.architecture.blocks[self.first_trained..].iter().flat_map(|block| &block.layers);
        layers.zip(self.trained[before..].iter().copied())
    }
}
