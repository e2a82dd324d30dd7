//! Layers as they are handed in: numbers in slices, `BatchNorm` folded into the convolutions.

use crate::{
    numbers::Numbers,
    schedule::{Extent, Reads},
};

/// What is done to each value on its way out of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// Nothing.
    #[default]
    None,
    /// `max(x, 0)`.
    Relu,
    /// `min(max(x, 0), 6)`.
    Relu6,
    /// `x * relu6(x + 3) / 6`.
    Hardswish,
}

/// A layer of a network.
#[derive(Debug, Clone)]
pub enum Layer {
    /// A convolution.
    Conv(Conv),
    /// Channels scaled by what all of them say together.
    Excite(Excite),
}

/// A convolution with bias and activation. Three sorts can be computed: the first layer of a network (three channels
/// in, kernel 3, stride 2), depthwise ones (kernel 3 or 5, stride 1 or 2), and pointwise ones (kernel 1).
#[derive(Debug, Clone)]
pub struct Conv {
    /// Channels in.
    pub n_in: usize,
    /// Channels out.
    pub n_out: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step of the kernel.
    pub stride: usize,
    /// 1, or `n_in` for a depthwise convolution.
    pub groups: usize,
    /// Zeros before each row and column; behind them are as many as `ceil(side / stride)` outputs need.
    pub padding: usize,
    /// `[n_out, n_in / groups, kernel, kernel]`.
    pub weight: Vec<f32>,
    /// `[n_out]`.
    pub bias: Vec<f32>,
    /// At its end.
    pub activation: Activation,
    /// What the inputs of a pointwise convolution lie between, for [`crate::Numbers::Int8`] and
    /// [`crate::Numbers::Int16`]; what lies beyond is cut off.
    pub range: (f32, f32),
    /// `[n_in]`, what the inputs of a pointwise convolution are on average, or nothing. Where its weights are rounded, the
    /// bias takes up what is lost on such inputs (Nagel et al. 2019, "Data-Free Quantization Through Weight Equalization
    /// and Bias Correction", section 4.2).
    pub means: Vec<f32>,
    /// The position of an earlier layer whose output is added to this one's, before the activation.
    pub residual: Option<usize>,
}

/// Squeeze and excite (Hu et al. 2018, "Squeeze-and-Excitation Networks"): the channels' means go through two dense
/// layers, relu and hardsigmoid, and scale the channels.
#[derive(Debug, Clone)]
pub struct Excite {
    /// Channels, in and out.
    pub n_channels: usize,
    /// Outputs of the first dense layer.
    pub n_squeezed: usize,
    /// `[n_squeezed, n_channels]`.
    pub squeeze: Vec<f32>,
    /// `[n_squeezed]`.
    pub squeeze_bias: Vec<f32>,
    /// `[n_channels, n_squeezed]`.
    pub expand: Vec<f32>,
    /// `[n_channels]`.
    pub expand_bias: Vec<f32>,
}

/// The sorts of convolutions that there are kernels for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Stem,
    Depthwise,
    Pointwise,
}

impl Conv {
    pub(crate) fn kind(&self) -> Kind {
        match self.kernel {
            1 => Kind::Pointwise,
            _ if self.groups == self.n_in => Kind::Depthwise,
            _ => Kind::Stem,
        }
    }

    fn check(&self, is_first: bool) -> Result<(), String> {
        let kind = self.kind();
        let is_known = match kind {
            Kind::Stem => {
                let is_shape = (self.n_in, self.groups, self.kernel, self.stride) == (3, 1, 3, 2) && self.padding < 3;
                is_shape && self.residual.is_none()
            }
            Kind::Pointwise => (self.groups, self.stride, self.padding) == (1, 1, 0),
            Kind::Depthwise => {
                let is_shape = matches!((self.kernel, self.stride), (3 | 5, 1 | 2)) && self.padding < self.kernel;
                is_shape && self.n_in == self.n_out && self.residual.is_none()
            }
        };
        if self.n_in == 0 || self.n_out == 0 {
            return Err("it has no channels".to_owned());
        }
        if !is_known || is_first != (kind == Kind::Stem) {
            let Self { n_in, n_out, kernel, stride, groups, padding, .. } = self;
            return Err(format!(
                "no kernel for {n_in} to {n_out} channels in {groups} groups, side {kernel}, stride {stride}, \
                 padding {padding}, there"
            ));
        }
        let n_weights = product(&[self.n_out, self.n_in / self.groups, self.kernel, self.kernel]);
        check_values("weight", &self.weight, n_weights)?;
        check_values("bias", &self.bias, self.n_out)?;
        match self.means.len() {
            0 => Ok(()),
            _ => check_values("means", &self.means, self.n_in),
        }
    }
}

impl Layer {
    pub(crate) fn n_out(&self) -> usize {
        match self {
            Self::Conv(conv) => conv.n_out,
            Self::Excite(excite) => excite.n_channels,
        }
    }

    /// Zeros that it reads before and behind a row.
    pub(crate) fn padding(&self) -> (usize, usize) {
        match self {
            Self::Conv(conv) => (conv.padding, conv.kernel - 1 - conv.padding),
            Self::Excite(_) => (0, 0),
        }
    }

    pub(crate) fn is_pointwise(&self) -> bool {
        matches!(self, Self::Conv(conv) if conv.kind() == Kind::Pointwise)
    }

    /// Whether its kernel can write bf16.
    pub(crate) fn can_round(&self) -> bool {
        match self {
            Self::Conv(conv) => conv.kind() == Kind::Depthwise,
            Self::Excite(_) => true,
        }
    }

    /// What is wrong with the range or the number of its inputs where these are to be rounded to whole numbers.
    pub(crate) fn check_range(&self, numbers: Numbers) -> Result<(), String> {
        match self {
            Self::Conv(conv) if self.is_pointwise() && matches!(numbers, Numbers::Int8 | Numbers::Int16) => {
                // A sum of so many products of a byte and a signed one may not fit into 32 bits.
                let n_most = i32::MAX as usize / (255 * 127);
                if numbers == Numbers::Int8 && conv.n_in > n_most {
                    return Err(format!("{} channels in are too many for int8, which can add up {n_most}", conv.n_in));
                }
                let (least, most) = conv.range;
                // Behind a layer that gives nothing but zeros both ends are 0.
                let is_range = least <= most && least.is_finite() && most.is_finite();
                is_range
                    .then_some(())
                    .ok_or_else(|| format!("range is ({least}, {most}), from smaller to larger is meant"))
            }
            _ => Ok(()),
        }
    }

    /// What it makes of a layer of `side` rows.
    pub(crate) fn extent(&self, side: usize) -> Extent {
        let (height, reads, residual) = match self {
            Self::Excite(_) => (side, Reads::Whole, None),
            Self::Conv(Conv { kernel, stride, padding, residual, .. }) => {
                let reads = Reads::Window { kernel: *kernel, stride: *stride, padding: *padding };
                (side.div_ceil(*stride), reads, *residual)
            }
        };
        let band = if let Reads::Whole = reads { height } else { band(height) };
        Extent { height, band, reads, residual }
    }

    /// What is wrong with it, behind a layer of `n_in` channels.
    pub(crate) fn check(&self, is_first: bool, n_in: usize) -> Result<(), String> {
        let wanted = match self {
            Self::Conv(conv) => conv.n_in,
            Self::Excite(excite) => excite.n_channels,
        };
        if wanted != n_in {
            return Err(format!("it wants {wanted} channels and gets {n_in}"));
        }
        match self {
            Self::Conv(conv) => conv.check(is_first),
            Self::Excite(_) if is_first => Err("it cannot be the first one".to_owned()),
            Self::Excite(excite) if excite.n_squeezed == 0 => Err("it squeezes to no channels".to_owned()),
            Self::Excite(excite) => {
                let n_weights = product(&[excite.n_squeezed, n_in]);
                check_values("squeeze", &excite.squeeze, n_weights)?;
                check_values("squeeze_bias", &excite.squeeze_bias, excite.n_squeezed)?;
                check_values("expand", &excite.expand, n_weights)?;
                check_values("expand_bias", &excite.expand_bias, n_in)
            }
        }
    }
}

/// Rows that are computed at a time. Large maps in few rows, which stay in the caches; small ones whole, since behind
/// them are large weights, which would have to be read again for each band.
fn band(height: usize) -> usize {
    const PIXELS: usize = 112;
    const SMALL: usize = 14;
    if height <= SMALL { height.max(1) } else { PIXELS.div_ceil(height) }
}

/// The length of a slice, or one that none has.
fn product(sides: &[usize]) -> usize {
    sides.iter().fold(1, |product, &side| product.saturating_mul(side))
}

/// Kernels cut values off where activations do, and what is no number with them: it would end as a confident answer.
fn check_values(what: &str, values: &[f32], wanted: usize) -> Result<(), String> {
    match values.len() {
        len if len != wanted => Err(format!("{what} must have {wanted} values, not {len}")),
        _ if !are_finite(values) => Err(format!("{what} holds a value that is infinite or no number")),
        _ => Ok(()),
    }
}

/// Looks at all of them, in whole numbers, which goes many at a time.
fn are_finite(values: &[f32]) -> bool {
    let magnitude = |x: &f32| x.to_bits() & !(1 << 31);
    values.iter().map(magnitude).fold(0, u32::max) < f32::INFINITY.to_bits()
}
