//! From the description of a network to the steps of its inference form.

use tch::Kind;
use tl_torch::{ByteConvScales, ByteScale, Conv, ConvOptions, Engine, tensor_from_f32};

use crate::{
    architecture::{Architecture, Block, ConvBn, Layer, SqueezeExcite},
    error::BackboneError,
    excite::Excite,
    expected::{Expected, REACH},
    fold::fold,
    precision::Precision,
    round::{to_bf16, to_int8},
    steps::Step,
    weights::Weights,
};

/// Walks the network, and knows what the activations are at each point.
pub(crate) struct Compiler<'a> {
    weights: &'a Weights,
    architecture: &'a Architecture,
    precision: Precision,
    engine: Engine,
    batch: i64,
    /// Side of the activations.
    side: i64,
    /// Convolutions so far.
    n_convs: usize,
    x: Activations,
}

/// What is known of activations.
#[derive(Debug, Clone)]
struct Activations {
    form: Form,
    /// Nothing of pictures.
    expected: Option<Expected>,
}

/// How activations are written.
#[derive(Debug, Clone, Copy)]
enum Form {
    Numbers(Kind),
    Bytes(ByteScale),
}

impl<'a> Compiler<'a> {
    /// For batches of `batch` pictures of `side` pixels.
    pub(crate) fn new(
        weights: &'a Weights,
        architecture: &'a Architecture,
        precision: Precision,
        engine: Engine,
        [batch, side]: [i64; 2],
    ) -> Self {
        Self {
            weights,
            architecture,
            precision,
            engine,
            batch,
            side,
            n_convs: 0,
            x: Activations { form: Form::Numbers(Kind::Float), expected: None },
        }
    }

    /// The steps of these blocks, which are the first ones.
    pub(crate) fn steps(mut self, blocks: &[Block]) -> Result<Vec<Step>, BackboneError> {
        let mut steps = Vec::new();
        for (i, block) in blocks.iter().enumerate() {
            steps.extend(self.block(block, i + 1 == blocks.len())?);
        }
        Ok(steps)
    }

    fn no_int8(&self) -> BackboneError {
        BackboneError::Int8 { backbone: self.weights.spec().name }
    }

    fn block(&mut self, block: &Block, is_last: bool) -> Result<Vec<Step>, BackboneError> {
        let mut steps = Vec::with_capacity(block.layers.len() + 2);
        let residual = block.is_residual.then(|| self.x.clone());
        if block.is_residual {
            steps.push(Step::Keep);
        }
        let end = block.layers.len() - 1;
        for (i, layer) in block.layers.iter().enumerate() {
            steps.extend(self.round());
            steps.push(match (layer, &residual) {
                (Layer::Conv(conv), Some(residual)) if i == end => {
                    Step::ConvAdd(self.conv(conv, Some(residual), is_last)?)
                }
                (Layer::Conv(conv), _) => Step::Conv(self.conv(conv, None, is_last && i == end)?),
                (Layer::SqueezeExcite(se), _) => Step::Excite(self.excite(se)?),
            });
        }
        Ok(steps)
    }

    /// Behind the exact layers everything is computed in the network's precision.
    fn round(&mut self) -> Option<Step> {
        if self.n_convs != self.architecture.n_exact {
            return None;
        }
        let (form, step) = match (self.precision, &self.x.expected) {
            (Precision::Bf16, _) => (Form::Numbers(Kind::BFloat16), Step::Round(Kind::BFloat16)),
            (Precision::Int8, Some(expected)) => {
                let bytes = expected.bytes();
                (Form::Bytes(bytes), Step::Encode(bytes))
            }
            _ => return None,
        };
        self.x.form = form;
        Some(step)
    }

    fn excite(&mut self, layer: &SqueezeExcite) -> Result<Excite, BackboneError> {
        // Networks with such layers have no form in bytes.
        let Form::Numbers(kind) = self.x.form else { return Err(self.no_int8()) };
        if let Some(expected) = &mut self.x.expected {
            expected.excite(self.weights, layer)?;
        }
        Excite::new(self.weights, &layer.name, kind, self.batch, self.engine)
    }

    /// `is_last`: nothing follows that could read bytes.
    fn conv(&mut self, conv: &ConvBn, residual: Option<&Activations>, is_last: bool) -> Result<Conv, BackboneError> {
        let kernel = fold(self.weights, self.architecture, conv)?.turned(self.architecture.padding);
        let (shape, options) = ([self.batch, conv.n_in, self.side, self.side], self.options(conv));
        let expected = self.x.expected.as_ref();
        let y = Expected::of(self.weights, conv, REACH)?.plus(residual.and_then(|x| x.expected.as_ref()));
        let compiled = match self.x.form {
            Form::Numbers(Kind::BFloat16) => {
                let (weight, bias) = to_bf16(&kernel, expected).tensors()?;
                Conv::new(&weight.f_to_kind(Kind::BFloat16)?, &bias, shape, &options)?
            }
            Form::Numbers(_) => {
                let (weight, bias) = kernel.tensors()?;
                Conv::new(&weight, &bias, shape, &options)?
            }
            Form::Bytes(input) => {
                let (worth, kernel) = to_int8(&kernel, expected);
                let (weight, bias) = kernel.tensors()?;
                let scale = tensor_from_f32(&worth, &[conv.n_out])?;
                let steps = weight.f_div(&scale.f_view([-1, 1, 1, 1])?)?.f_round()?.f_to_kind(Kind::Int8)?;
                let output = if is_last { None } else { Some(y.bytes()) };
                self.x.form = output.map_or(Form::Numbers(Kind::Float), Form::Bytes);
                let scales = ByteConvScales { input, output, residual: residual.and_then(Activations::bytes) };
                Conv::of_bytes(&steps, &scale, &bias, shape, &options, scales)?
            }
        };
        self.x.expected = Some(y);
        self.side = (self.side - 1) / conv.stride + 1;
        self.n_convs += 1;
        Ok(compiled)
    }

    fn options(&self, conv: &ConvBn) -> ConvOptions {
        ConvOptions {
            stride: conv.stride,
            padding: (conv.kernel - 1) / 2,
            groups: conv.groups,
            activation: conv.activation,
            engine: self.engine,
        }
    }
}

impl Activations {
    fn bytes(&self) -> Option<ByteScale> {
        match self.form {
            Form::Bytes(scale) => Some(scale),
            Form::Numbers(_) => None,
        }
    }
}
