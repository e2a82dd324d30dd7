//! The inference form.

use tch::Tensor;
use tl_kernels::Instructions;
use tl_torch::{Engine as TorchEngine, set_intra_op_threads, tensor_from_f32, to_vec_f32};

use crate::{
    engine::Engine,
    error::BackboneError,
    kernels::{Kernels, numbers},
    precision::Precision,
    steps::Steps,
    top::Top,
    weights::Weights,
};

/// A network compiled for inference on the CPU: `BatchNorm` folded, weights packed, channels-last.
///
/// It is for one thread at a time: give each worker its own, from [`Networks`](crate::Networks).
#[derive(Debug)]
pub struct Network {
    form: Form,
    top: Top,
    n_classes: usize,
}

#[derive(Debug)]
enum Form {
    Kernels(Kernels),
    Steps(Steps),
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
    /// Whose kernels it runs on.
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
    ///
    /// # Errors
    /// As [`Self::compile_with`].
    pub fn compile(weights: &Weights, precision: Precision, batch: usize) -> Result<Self, BackboneError> {
        Self::compile_with(weights, &CompileOptions { precision, batch, ..CompileOptions::default() })
    }

    /// The same with every choice open.
    ///
    /// # Errors
    /// [`BackboneError::F16`], [`BackboneError::Int16`] or [`BackboneError::Int8`] where the network or the processor
    /// does not compute so; [`BackboneError::Kernels`] or [`BackboneError::Torch`] where the kernels or libtorch
    /// refuse, such as pictures without pixels.
    pub fn compile_with(weights: &Weights, options: &CompileOptions) -> Result<Self, BackboneError> {
        let spec = weights.spec();
        let architecture = (spec.architecture)();
        let side = options.side.unwrap_or(spec.preprocessing.geometry.side) as usize;
        let n_blocks = options.n_blocks.unwrap_or(architecture.blocks.len());
        let blocks = &architecture.blocks[..n_blocks.min(architecture.blocks.len())];
        let has_int8 = architecture.has_int8() && blocks.len() == architecture.blocks.len();
        if options.precision == Precision::Int8 && !has_int8 {
            return Err(BackboneError::Int8 { backbone: spec.name });
        }
        if options.precision == Precision::F16 {
            return Err(BackboneError::F16);
        }
        let steps = |engine| {
            let _guard = tch::no_grad_guard();
            let batch_and_side = [options.batch, side];
            Steps::new(weights, &architecture, blocks, options.precision, engine, batch_and_side).map(Form::Steps)
        };
        let form = match (options.engine, numbers(options.precision)) {
            (Engine::Auto, Some(numbers)) => {
                Form::Kernels(Kernels::new(weights, &architecture, blocks, options.precision, numbers, side)?)
            }
            _ if options.precision == Precision::Int16 => return Err(BackboneError::Int16),
            (Engine::Auto | Engine::OneDnn, _) => steps(TorchEngine::Auto)?,
            (Engine::Plain, _) => steps(TorchEngine::Plain)?,
        };
        Ok(Self { form, top: Top::new(weights)?, n_classes: spec.n_classes })
    }

    /// Another one for another thread, with the same weights in memory; `None` where each has to pack its own.
    pub(crate) fn sharing(&self) -> Option<Self> {
        match &self.form {
            Form::Kernels(kernels) => {
                let form = Form::Kernels(kernels.clone());
                Some(Self { form, top: self.top.clone(), n_classes: self.n_classes })
            }
            Form::Steps(_) => None,
        }
    }

    /// Whether networks in this arithmetic run in kernels of our own on this processor, without libtorch.
    #[must_use]
    pub fn has_kernels(precision: Precision) -> bool {
        Self::instructions(precision).is_some()
    }

    /// In which instructions such kernels of ours are written that run here, as `avx512`; none where libtorch computes.
    #[must_use]
    pub fn instructions(precision: Precision) -> Option<&'static str> {
        Some(Instructions::fastest(numbers(precision)?)?.name())
    }

    /// Holds libtorch to one thread, for networks in this arithmetic that the calling thread is to run beside others.
    /// Where there are kernels it has no part in them and need not even be loaded, and nothing is done.
    pub fn on_one_thread(precision: Precision) {
        if !Self::has_kernels(precision) {
            set_intra_op_threads(1);
        }
    }

    /// Features `[n, n_features] f32` of `n` pictures: `[n, side, side, 3] u8`, R, G, B.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn features(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let rows = self.rows(pixels, n)?;
        Ok(tensor_from_f32(&rows, &[n as i64, (rows.len() / n) as i64])?)
    }

    /// The same as numbers, row by row: where there are kernels, no tensor is made.
    ///
    /// # Errors
    /// [`BackboneError::Pixels`] for more or fewer bytes, or no picture; [`BackboneError::Torch`] when libtorch
    /// refuses.
    pub fn rows(&self, pixels: &[u8], n: usize) -> Result<Vec<f32>, BackboneError> {
        match &self.form {
            Form::Kernels(kernels) => kernels.rows(pixels, n),
            Form::Steps(steps) => {
                let _guard = tch::no_grad_guard();
                Ok(to_vec_f32(&steps.features(pixels, n)?)?)
            }
        }
    }

    /// Activations `[n, C, H, W]` after the compiled blocks, the right way up, in the kind of the arithmetic.
    /// There must be at least one block: the input itself is in units of the first one.
    ///
    /// # Errors
    /// As [`Self::rows`].
    pub fn activations(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let _guard = tch::no_grad_guard();
        match &self.form {
            Form::Kernels(kernels) => kernels.activations(pixels, n),
            Form::Steps(steps) => steps.activations(pixels, n),
        }
    }

    /// `ImageNet` logits `[n, n_classes] f32` of features `[n, n_features] f32`: the pretrained top.
    ///
    /// # Errors
    /// [`BackboneError::Kernels`] or [`BackboneError::Torch`] for features of another shape.
    pub fn logits(&self, features: &Tensor) -> Result<Tensor, BackboneError> {
        let logits = self.top.logits(&to_vec_f32(features)?)?;
        let n = features.size2()?.0;
        Ok(tensor_from_f32(&logits, &[n, self.n_classes as i64])?)
    }
}
