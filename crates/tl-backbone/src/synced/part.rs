//! A part of a batch: its activations, and what the way back needs of them.

use tch::{Kind, Tensor};
use tl_torch::{channels_last, conv_backward, f32_mut, f32_slice};

use super::norm::{Line, Moments, Norm, Sums};
use crate::{
    architecture::{ConvBn, Padding},
    backbone::{convolve, excited, pad_same, same_padding},
    error::BackboneError,
};

/// How a convolution is padded: as little as SAME needs, or symmetrically.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window {
    kernel: i64,
    stride: i64,
    groups: i64,
    /// Whether zeros are added before the convolution, which it cannot do itself where they are not symmetric.
    pads_first: bool,
}

impl Window {
    pub(super) fn new(conv: &ConvBn, padding: Padding) -> Self {
        let ConvBn { kernel, stride, groups, .. } = *conv;
        // With an odd kernel at stride 1, SAME is symmetric.
        let pads_first = padding == Padding::Same && stride > 1;
        Self { kernel, stride, groups, pads_first }
    }

    fn padding(self) -> i64 {
        if self.pads_first { 0 } else { (self.kernel - 1) / 2 }
    }
}

/// What a layer saw.
#[derive(Debug)]
struct Seen {
    /// Its input, padded.
    input: Tensor,
    /// A convolution's output before its `BatchNorm`.
    z: Option<Tensor>,
    /// Height and width of its input before it was padded.
    size: [i64; 2],
}

/// Photos of a batch that one thread computes at a time.
#[derive(Debug)]
pub(super) struct Part {
    /// For each step handles to the tensors that it computes with, which only the optimizer writes to.
    tensors: Vec<Vec<Tensor>>,
    /// Activations on the way there, their gradient on the way back.
    pub(super) x: Tensor,
    /// Input of the residual block, or the gradient of its sum.
    kept: Option<Tensor>,
    seen: Vec<Seen>,
}

impl Part {
    pub(super) fn new(x: &Tensor, tensors: Vec<Vec<Tensor>>) -> Result<Self, BackboneError> {
        Ok(Self { tensors, x: channels_last(&x.f_detach()?)?, kept: None, seen: Vec::new() })
    }

    // ---- There.

    /// The convolution of a step, without its norm.
    pub(super) fn convolve(&mut self, step: usize, window: Window) -> Result<(), BackboneError> {
        let Window { kernel, stride, groups, pads_first } = window;
        let size = [self.x.size()[2], self.x.size()[3]];
        let input =
            if pads_first { channels_last(&pad_same(&self.x, kernel, stride)?)? } else { self.x.shallow_clone() };
        let z = convolve(&input, &self.tensors[step][0], None, stride, window.padding(), groups)?;
        self.x = channels_last(&z)?;
        self.seen.push(Seen { input, z: Some(self.x.shallow_clone()), size });
        Ok(())
    }

    /// Moments of what was convolved.
    pub(super) fn moments(&self) -> Result<Moments, BackboneError> {
        Ok(Moments::of(f32_slice(&self.x)?, self.x.size()[1] as usize))
    }

    /// The norm and activation after a convolution; `forget` what only the way back needs.
    pub(super) fn normalise(&mut self, norm: &Norm, forget: bool) -> Result<(), BackboneError> {
        let mut y = self.x.f_empty_like()?;
        norm.forward(f32_slice(&self.x)?, f32_mut(&mut y)?);
        self.x = y;
        if forget {
            self.seen.clear();
        }
        Ok(())
    }

    /// Squeeze and excite.
    pub(super) fn excite(&mut self, step: usize, forget: bool) -> Result<(), BackboneError> {
        let excited = excited(&self.x, &self.tensors[step])?;
        let input = std::mem::replace(&mut self.x, excited);
        if !forget {
            self.seen.push(Seen { input, z: None, size: [0, 0] });
        }
        Ok(())
    }

    pub(super) fn keep(&mut self) {
        self.kept = Some(self.x.shallow_clone());
    }

    pub(super) fn add(&mut self) -> Result<(), BackboneError> {
        if let Some(kept) = self.kept.take() {
            let _ = self.x.f_add_(&kept)?;
        }
        Ok(())
    }

    // ---- And back.

    /// The gradient of the activations from that of their means `[N, C]`.
    pub(super) fn begin_return(&mut self, of_features: &Tensor) -> Result<(), BackboneError> {
        let size = self.x.size();
        let per_pixel = of_features.f_div_scalar((size[2] * size[3]) as f64)?.f_view([size[0], size[1], 1, 1])?;
        let mut gradient = self.x.f_empty_like()?;
        gradient.f_copy_(&per_pixel)?;
        self.x = gradient;
        Ok(())
    }

    /// Back through the activation; sums for the norm.
    pub(super) fn through_activation(&mut self, norm: &Norm) -> Result<Sums, BackboneError> {
        let z = self.seen.last().and_then(|seen| seen.z.as_ref()).ok_or(BackboneError::Folded)?;
        Ok(norm.through_activation(f32_slice(z)?, f32_mut(&mut self.x)?))
    }

    /// Back through norm and convolution; the gradient of the kernel where it is `trained`.
    pub(super) fn through_conv(
        &mut self,
        step: usize,
        window: Window,
        line: &Line,
        [goes_on, trained]: [bool; 2],
    ) -> Result<Option<Tensor>, BackboneError> {
        let Some(Seen { input, z: Some(z), size }) = self.seen.pop() else { return Err(BackboneError::Folded) };
        line.apply(f32_slice(&z)?, f32_mut(&mut self.x)?);
        drop(z);
        let numbers = [window.stride, window.padding(), window.groups];
        let found = conv_backward(&self.x, &input, &self.tensors[step][0], numbers, [goes_on, trained])?;
        if let Some(mut gradient) = found.input {
            if window.pads_first {
                for (dim, side) in [(2, size[0]), (3, size[1])] {
                    gradient = gradient.f_narrow(dim, same_padding(side, window.kernel, window.stride).0, side)?;
                }
            }
            self.x = channels_last(&gradient)?;
        }
        Ok(found.weight.map(|weight| weight.f_contiguous()).transpose()?)
    }

    /// Back through squeeze and excite, by autograd; the gradients of its four tensors.
    pub(super) fn through_excite(&mut self, step: usize) -> Result<Vec<Tensor>, BackboneError> {
        let Some(Seen { input, .. }) = self.seen.pop() else { return Err(BackboneError::Folded) };
        let gradients = tch::with_grad(|| {
            let leaf = |tensor: &Tensor| tensor.f_detach()?.f_set_requires_grad(true);
            let input = leaf(&input)?;
            let tensors = self.tensors[step].iter().map(leaf).collect::<Result<Vec<_>, _>>()?;
            let weighed = excited(&input, &tensors)?.f_mul(&self.x)?.f_sum(Kind::Float)?;
            let leaves: Vec<&Tensor> = std::iter::once(&input).chain(&tensors).collect();
            Ok::<_, BackboneError>(Tensor::f_run_backward(&[&weighed], &leaves, false, false)?)
        })?;
        let mut gradients = gradients.into_iter();
        if let Some(of_input) = gradients.next() {
            self.x = channels_last(&of_input)?;
        }
        Ok(gradients.collect())
    }

    /// The gradient of a residual block's sum is that of its input, too.
    pub(super) fn keep_gradient(&mut self) -> Result<(), BackboneError> {
        let mut copy = self.x.f_empty_like()?;
        copy.f_copy_(&self.x)?;
        self.kept = Some(copy);
        Ok(())
    }
}
