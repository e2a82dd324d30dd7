//! The inference form on libtorch: a flat list of fused steps with packed weights.

use std::cell::RefCell;

use tch::{Kind, Tensor};
use tl_torch::{ByteScale, Conv, Engine};

use crate::{
    architecture::{Architecture, Block, Padding},
    compiler::Compiler,
    error::BackboneError,
    excite::Excite,
    input::Input,
    precision::Precision,
    weights::Weights,
};

/// A network as steps, for one thread at a time.
#[derive(Debug)]
pub(crate) struct Steps {
    /// Whether activations are turned by 180 degrees, see [`crate::fold`].
    turned: bool,
    list: Vec<Step>,
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

impl Steps {
    /// These blocks, which are the first ones, for batches of `batch` pictures of `side` pixels.
    pub(crate) fn new(
        weights: &Weights,
        architecture: &Architecture,
        blocks: &[Block],
        precision: Precision,
        engine: Engine,
        [batch, side]: [usize; 2],
    ) -> Result<Self, BackboneError> {
        let turned = architecture.padding == Padding::Same;
        let input = RefCell::new(Input::new(side, &weights.spec().preprocessing, turned));
        let batch_and_side = [batch.max(1) as i64, side as i64];
        let compiler = Compiler::new(weights, architecture, precision, engine, batch_and_side);
        Ok(Self { turned, list: compiler.steps(blocks)?, input })
    }

    /// Features `[n, n_features] f32` of pictures `[n, side, side, 3] u8`.
    pub(crate) fn features(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        Ok(self.run(pixels, n)?.f_mean_dim(&[2, 3][..], false, Kind::Float)?)
    }

    /// What comes out of the last block, the right way up.
    pub(crate) fn activations(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let x = self.run(pixels, n)?;
        Ok(if self.turned { x.f_flip([2, 3])? } else { x })
    }

    fn run(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let mut x = self.input.borrow_mut().fill(pixels, n)?;
        let mut kept = None;
        for step in &self.list {
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
