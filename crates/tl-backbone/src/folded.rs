//! The form that is trained with frozen statistics: `BatchNorm` folded into the convolution before it.
//!
//! With fixed statistics the two are one linear map, so the graph needs no normalisation: the gradient of the folded
//! kernel is all that a worker computes, and the chain rule back to weight, scale and shift is applied once for
//! the whole batch, by [`crate::Backbone::unfold`].

mod folding;

use tch::{Kind, Tensor};
use tl_torch::channels_last;

use crate::{
    architecture::{Block, ConvBn, Layer, Padding},
    backbone::{activate, convolve, convolve_padded, excited, same_padding},
    error::BackboneError,
    layout::Layout,
};

/// The blocks from the first trained one on, for one thread at a time: give each worker its [`Folded::share`].
#[derive(Debug)]
pub struct Folded {
    blocks: Vec<Block>,
    padding: Padding,
    kind: Kind,
    layout: Layout,
    /// Kernels and biases in the order in which the layers use them.
    values: Vec<Tensor>,
    /// Whether each of them is trained.
    trained: Vec<bool>,
}

impl Folded {
    /// The same numbers, not copied, with a graph of its own.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when libtorch refuses.
    pub fn share(&self) -> Result<Self, BackboneError> {
        self.with_values(&self.values)
    }

    /// The same with other numbers, not copied.
    pub(crate) fn with_values(&self, values: &[Tensor]) -> Result<Self, BackboneError> {
        let leaf = |(value, &trained): (&Tensor, &bool)| Ok(value.f_detach()?.f_set_requires_grad(trained)?);
        let values = values.iter().zip(&self.trained).map(leaf).collect::<Result<_, BackboneError>>()?;
        let (blocks, trained) = (self.blocks.clone(), self.trained.clone());
        Ok(Self { blocks, values, trained, ..*self })
    }

    /// The same for activations in another order; kernels stay in theirs.
    pub(crate) fn laid_out(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    pub(crate) fn values(&self) -> &[Tensor] {
        &self.values
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// What gradients are to be computed of, in the order that [`crate::Backbone::unfold`] takes them.
    pub fn leaves(&self) -> impl Iterator<Item = &Tensor> {
        self.values.iter().zip(&self.trained).filter(|(_, trained)| **trained).map(|(value, _)| value)
    }

    /// Features `[N, n_features] f32` of activations `x` `[N, C, H, W]` before the first of these blocks, which are to
    /// reach to the last.
    ///
    /// # Errors
    /// As [`Self::activations`].
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        Ok(self.activations(x)?.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// What comes out of these blocks `[N, C', H', W']`, in the kind of the arithmetic.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] for an input that does not fit the first of them, or is on another device.
    pub fn activations(&self, x: &Tensor) -> Result<Tensor, BackboneError> {
        let mut values = self.values.iter();
        let mut x = self.layout.apply(&x.f_to_kind(self.kind)?)?;
        for block in &self.blocks {
            x = self.block(block, &x, &mut values)?;
        }
        Ok(x)
    }

    fn block<'a>(
        &self,
        block: &Block,
        input: &Tensor,
        values: &mut impl Iterator<Item = &'a Tensor>,
    ) -> Result<Tensor, BackboneError> {
        let mut x = input.shallow_clone();
        for layer in &block.layers {
            let mut next = || values.next().ok_or(BackboneError::Folded);
            x = match layer {
                Layer::Conv(conv) => self.conv(conv, &x, next()?, next()?)?,
                Layer::SqueezeExcite(_) => {
                    excited(&x, &values.by_ref().take(4).map(Tensor::shallow_clone).collect::<Vec<_>>())?
                }
            };
        }
        Ok(if block.is_residual { x.f_add(input)? } else { x })
    }

    fn conv(&self, conv: &ConvBn, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor, BackboneError> {
        let y = match self.layout {
            Layout::ChannelsLast if conv.groups > 1 && conv.stride > 1 => {
                self.strided_depthwise(conv, x, weight, bias)?
            }
            _ => convolve_padded(x, weight, Some(bias), conv, self.padding)?,
        };
        activate(conv.activation, y)
    }

    /// A depthwise convolution at stride 1 of which every `stride`-th output is kept: for the gradients of the strided
    /// one oneDNN has only a slow path, ten times the time of this.
    fn strided_depthwise(
        &self,
        conv: &ConvBn,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
    ) -> Result<Tensor, BackboneError> {
        let symmetric = (conv.kernel - 1) / 2;
        let first = |side| match self.padding {
            Padding::Symmetric => 0,
            Padding::Same => symmetric - same_padding(side, conv.kernel, conv.stride).0,
        };
        let (size, all) = (x.size(), convolve(x, weight, Some(bias), 1, symmetric, conv.groups)?);
        let rows = all.f_slice(2, first(size[2]), None, conv.stride)?;
        Ok(channels_last(&rows.f_slice(3, first(size[3]), None, conv.stride)?)?)
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;
    use crate::{
        backbone::{Backbone, BatchNorm},
        device_fold::DeviceFold,
        precision::Precision,
        registry::spec,
        weights::Weights,
    };

    /// A network that is trained from its first block on, and two pictures, of an odd side for the zeros of SAME.
    fn backbone(name: &str) -> (Backbone, Tensor) {
        let mut backbone = Backbone::new(&Weights::initial(spec(name).unwrap(), 1).unwrap()).unwrap();
        backbone.train_from(0, BatchNorm::Frozen).unwrap();
        let pixels = (Tensor::arange(2 * 3 * 49 * 49, (Kind::Double, Device::Cpu)) * 1.7).sin().to_kind(Kind::Float);
        (backbone, pixels.reshape([2, 3, 49, 49]))
    }

    fn gradients(features: &Tensor, leaves: &[&Tensor]) -> Vec<Tensor> {
        let loss = (features * 3.0).tanh().square().sum(Kind::Float);
        Tensor::f_run_backward(&[loss], leaves, false, false).unwrap()
    }

    fn assert_near(what: &str, wanted: &Tensor, found: &Tensor, allowed: f64) {
        assert_eq!(wanted.size(), found.size(), "{what}");
        let norm = |x: &Tensor| x.to_kind(Kind::Double).norm().double_value(&[]);
        let difference = norm(&(wanted - found));
        assert!(difference <= allowed * norm(wanted) + 1e-12, "{what}: {difference} of {}", norm(wanted));
    }

    #[test]
    fn plain_order_gives_what_channels_last_gives() {
        for name in ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"] {
            let (backbone, x) = backbone(name);
            let of = |layout| {
                let form = backbone.fold(Precision::F32).unwrap().share().unwrap().laid_out(layout);
                let features = form.forward(&x).unwrap();
                let gradients = gradients(&features, &form.leaves().collect::<Vec<_>>());
                (features, gradients)
            };
            let ((wanted, last), (found, plain)) = (of(Layout::ChannelsLast), of(Layout::Plain));
            assert_near(name, &wanted.detach(), &found.detach(), 1e-5);
            for (i, (wanted, found)) in last.iter().zip(&plain).enumerate() {
                assert_near(&format!("{name}, value {i}"), wanted, found, 1e-3);
            }
        }
    }

    #[test]
    fn folding_all_layers_at_once_gives_what_one_after_the_other_gives() {
        for name in ["mobilenet_v1", "mobilenet_v2", "mobilenet_v3_small"] {
            let (mut backbone, x) = backbone(name);
            // Statistics that do something, and layers that stay among those that move.
            for (i, (tensor, values)) in backbone.tensors().filter(|(_, t)| t.dim() == 1).enumerate() {
                let shift = if tensor.ends_with("running_mean") { 0.02 } else { 0.2 };
                let _guard = tch::no_grad_guard();
                let _ = values.shallow_clone().f_add_scalar_(shift * (i as f64).sin().abs()).unwrap();
            }
            for every in [1, 3] {
                let marks: Vec<bool> = (0..backbone.trained.len()).map(|i| i % every == 0).collect();
                backbone.train_layers(&marks, BatchNorm::Frozen).unwrap();
                let one_by_one = backbone.fold(Precision::F32).unwrap().share().unwrap().laid_out(Layout::Plain);
                let fold = DeviceFold::new(&backbone, Precision::F32).unwrap();
                let at_once = fold.fold(&backbone).unwrap();
                let (wanted, found) = (one_by_one.forward(&x).unwrap(), at_once.forward(&x).unwrap());
                assert_near(name, &wanted.detach(), &found.detach(), 1e-5);
                let wanted = gradients(&wanted, &one_by_one.leaves().collect::<Vec<_>>());
                let found = gradients(&found, &at_once.leaves().collect::<Vec<_>>());
                let (wanted, found) = (backbone.unfold(&wanted).unwrap(), at_once.unfold(&found).unwrap());
                let names: Vec<&str> = backbone.parameters().map(|(name, _)| name).collect();
                assert_eq!(found.keys().collect::<Vec<_>>(), names);
                for (tensor, wanted) in &wanted {
                    assert_near(&format!("{name}, {tensor}"), wanted, &found[tensor], 1e-3);
                }
            }
        }
    }

    #[test]
    fn a_network_of_which_nothing_is_trained_is_folded_at_once_too() {
        let (mut backbone, _) = backbone("mobilenet_v2");
        backbone.train_from(backbone.n_blocks(), BatchNorm::Frozen).unwrap();
        let fold = DeviceFold::new(&backbone, Precision::F32).unwrap();
        let form = fold.fold(&backbone).unwrap();
        assert_eq!((form.leaves().count(), form.unfold(&[]).unwrap().len()), (0, 0));
        let x = Tensor::ones([2, 1280, 3, 3], (Kind::Float, Device::Cpu));
        assert_eq!(form.forward(&x).unwrap().size(), [2, 1280]);
    }
}
