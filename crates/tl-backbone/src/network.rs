//! The inference form: a flat list of fused steps with packed weights.

use std::cell::RefCell;

use tch::{Kind, Tensor};
use tl_torch::{Conv, ConvOptions, Engine};

use crate::{
    architecture::{Architecture, Block, ConvBn, Layer, Padding, SqueezeExcite},
    error::BackboneError,
    excite::Excite,
    fold::fold,
    input::Input,
    precision::Precision,
    round::{expected_output, to_bf16},
    top::Top,
    weights::Weights,
};

/// A network compiled for inference on the CPU: `BatchNorm` folded, weights packed, channels-last.
///
/// It is for one thread at a time: give each worker its own.
#[derive(Debug)]
pub struct Network {
    /// Whether activations are turned by 180 degrees, see [`crate::fold`].
    turned: bool,
    steps: Vec<Step>,
    top: Top,
    input: RefCell<Input>,
}

/// What is done to the activations `x` in turn.
#[derive(Debug)]
enum Step {
    /// Keeps `x` for the next `Add`.
    Keep,
    /// `x = conv(x)`.
    Conv(Conv),
    /// `x = conv(x) +` what was kept.
    ConvAdd(Conv),
    /// Squeeze and excite, in place.
    Excite(Excite),
    /// Rounds `x` to another kind.
    Round(Kind),
}

/// How a network is compiled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CompileOptions {
    /// Its arithmetic.
    pub precision: Precision,
    /// Pictures that it will see at a time; others work too, only less well.
    pub batch: usize,
    /// Side of the pictures in pixels; `None` takes the weights' own.
    pub side: Option<u32>,
    /// Fused kernels where they exist, or plain operators.
    pub engine: Engine,
    /// Blocks to compile, from the first; `None` takes all.
    pub n_blocks: Option<usize>,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self { precision: Precision::F32, batch: 1, side: None, engine: Engine::Auto, n_blocks: None }
    }
}

impl Network {
    /// Packs the weights for batches of `batch` pictures of the weights' own side.
    pub fn compile(weights: &Weights, precision: Precision, batch: usize) -> Result<Self, BackboneError> {
        Self::compile_with(weights, &CompileOptions { precision, batch, ..CompileOptions::default() })
    }

    /// The same with every choice open.
    pub fn compile_with(weights: &Weights, options: &CompileOptions) -> Result<Self, BackboneError> {
        let _guard = tch::no_grad_guard();
        let spec = weights.spec();
        let architecture = (spec.architecture)();
        let side = options.side.unwrap_or(spec.preprocessing.geometry.side);
        let batch = options.batch.max(1);
        let turned = architecture.padding == Padding::Same;
        let input = Input::new(side as usize, &spec.preprocessing, turned);
        let mut compiler = Compiler {
            weights,
            architecture: &architecture,
            precision: options.precision,
            kind: Kind::Float,
            n_convs: 0,
            engine: options.engine,
            batch: batch as i64,
            side: i64::from(side),
            expected: None,
        };
        let n_blocks = options.n_blocks.unwrap_or(architecture.blocks.len());
        let mut steps = Vec::new();
        for block in architecture.blocks.iter().take(n_blocks) {
            steps.extend(compiler.block(block)?);
        }
        Ok(Self { turned, steps, top: Top::new(weights, &architecture)?, input: RefCell::new(input) })
    }

    /// Features `[n, n_features] f32` of `n` pictures: `[n, side, side, 3] u8`, R, G, B.
    pub fn features(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let _guard = tch::no_grad_guard();
        Ok(self.run(pixels, n)?.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// Activations `[n, C, H, W]` after the compiled blocks, the right way up, in the kind of the arithmetic.
    /// There must be at least one block: the input itself is in units of the first one.
    pub fn activations(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let _guard = tch::no_grad_guard();
        let x = self.run(pixels, n)?;
        Ok(if self.turned { x.f_flip([2, 3])? } else { x })
    }

    fn run(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let mut x = self.input.borrow_mut().fill(pixels, n)?;
        let mut kept = None;
        for step in &self.steps {
            x = match step {
                Step::Keep => {
                    kept = Some(x.shallow_clone());
                    x
                }
                Step::Conv(conv) => conv.forward(&x)?,
                Step::ConvAdd(conv) => add(conv, &x, kept.take())?,
                Step::Excite(excite) => excite.forward(x)?,
                Step::Round(kind) => x.f_to_kind(*kind)?,
            };
        }
        Ok(x)
    }

    /// `ImageNet` logits `[n, n_classes] f32` of features `[n, n_features] f32`: the pretrained top.
    pub fn logits(&self, features: &Tensor) -> Result<Tensor, BackboneError> {
        let _guard = tch::no_grad_guard();
        self.top.forward(features)
    }

    /// Whether it runs on oneDNN's fused kernels; if not, on plain operators.
    #[must_use]
    pub fn is_fused(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Conv(conv) if conv.is_fused()))
    }
}

/// A residual block's end: the convolution's output is added to the block's input, in place.
fn add(conv: &Conv, x: &Tensor, kept: Option<Tensor>) -> Result<Tensor, BackboneError> {
    match kept {
        None => Ok(conv.forward(x)?),
        Some(mut sum) => {
            conv.forward_add(x, &mut sum)?;
            Ok(sum)
        }
    }
}

/// Walks the network with the shape that the activations have at each point.
struct Compiler<'a> {
    weights: &'a Weights,
    architecture: &'a Architecture,
    precision: Precision,
    /// Kind of the activations.
    kind: Kind,
    /// Convolutions so far.
    n_convs: usize,
    engine: Engine,
    batch: i64,
    /// Side of the activations.
    side: i64,
    /// Means of their channels that the statistics lead one to expect: `[C]`; not known of pictures.
    expected: Option<Tensor>,
}

impl Compiler<'_> {
    /// Behind the exact layers everything is computed in the network's precision.
    fn round(&mut self) -> Option<Step> {
        let rounds = self.n_convs == self.architecture.n_exact && self.kind != self.precision.kind();
        rounds.then(|| {
            self.kind = self.precision.kind();
            Step::Round(self.kind)
        })
    }

    fn block(&mut self, block: &Block) -> Result<Vec<Step>, BackboneError> {
        let mut steps = Vec::with_capacity(block.layers.len() + 1);
        let input = self.expected.as_ref().map(Tensor::shallow_clone);
        if block.is_residual {
            steps.push(Step::Keep);
        }
        let last = block.layers.len() - 1;
        for (i, layer) in block.layers.iter().enumerate() {
            steps.extend(self.round());
            steps.push(match layer {
                Layer::Conv(conv) if block.is_residual && i == last => Step::ConvAdd(self.conv(conv)?),
                Layer::Conv(conv) => Step::Conv(self.conv(conv)?),
                Layer::SqueezeExcite(se) => Step::Excite(self.excite(se)?),
            });
        }
        if let (true, Some(sum), Some(input)) = (block.is_residual, &self.expected, input) {
            self.expected = Some(sum.f_add(&input)?);
        }
        Ok(steps)
    }

    fn excite(&mut self, layer: &SqueezeExcite) -> Result<Excite, BackboneError> {
        let excite = Excite::new(self.weights, &layer.name, self.kind, self.batch, self.engine)?;
        if let Some(means) = self.expected.take() {
            let picture = means.f_to_kind(self.kind)?.f_view([1, -1, 1, 1])?;
            self.expected = Some(excite.forward(picture)?.f_flatten(0, -1)?.f_to_kind(Kind::Float)?);
        }
        Ok(excite)
    }

    fn conv(&mut self, conv: &ConvBn) -> Result<Conv, BackboneError> {
        let (weight, bias) = fold(self.weights, self.architecture, conv)?;
        let options = ConvOptions {
            stride: conv.stride,
            padding: (conv.kernel - 1) / 2,
            groups: conv.groups,
            activation: conv.activation,
            engine: self.engine,
        };
        let input_shape = [self.batch, conv.n_in, self.side, self.side];
        let (weight, bias) = match self.kind {
            Kind::BFloat16 => to_bf16(&weight, &bias, self.expected.as_ref())?,
            _ => (weight, bias),
        };
        self.expected = Some(expected_output(self.weights, conv)?);
        self.side = (self.side - 1) / conv.stride + 1;
        self.n_convs += 1;
        Ok(Conv::new(&weight, &bias, input_shape, &options)?)
    }
}
