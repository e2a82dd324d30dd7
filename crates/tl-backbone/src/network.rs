//! The inference form: a flat list of fused steps with packed weights.

use std::cell::RefCell;

use tch::{Kind, Tensor};
use tl_torch::{ByteScale, Conv, Engine};

use crate::{
    architecture::Padding, compiler::Compiler, error::BackboneError, excite::Excite, input::Input,
    precision::Precision, top::Top, weights::Weights,
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
pub(crate) enum Step {
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
    /// From numbers to bytes.
    Encode(ByteScale),
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
        let turned = architecture.padding == Padding::Same;
        let input = Input::new(side as usize, &spec.preprocessing, turned);
        let n_blocks = options.n_blocks.unwrap_or(architecture.blocks.len());
        let compiler = Compiler::new(weights, &architecture, options, i64::from(side));
        let steps = compiler.steps(&architecture.blocks[..n_blocks.min(architecture.blocks.len())])?;
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
                Step::Encode(scale) => scale.encode(&x)?,
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
