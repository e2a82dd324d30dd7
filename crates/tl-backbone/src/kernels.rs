//! The inference form in kernels of our own ([`tl_kernels`]), for processors with AVX2 or AVX-512.

use std::cell::RefCell;

use tch::Tensor;
use tl_kernels::{Conv, Instructions, Layer, Network, NetworkOptions, Numbers};
use tl_torch::tensor_from_f32;

use crate::{
    architecture::{Architecture, Block},
    describer::Describer,
    error::BackboneError,
    precision::Precision,
    weights::Weights,
};

/// A network of such kernels, one photo at a time. Clones share the weights.
#[derive(Debug, Clone)]
pub(crate) struct Kernels {
    network: RefCell<Network>,
    side: usize,
    precision: Precision,
}

/// The numbers that the kernels compute in for this precision; `None` where there are no kernels for it.
pub(crate) fn numbers(precision: Precision) -> Option<Numbers> {
    let numbers = match precision {
        Precision::F32 => Numbers::F32,
        Precision::Bf16 => Numbers::Bf16,
        Precision::Int16 => Numbers::Int16,
        Precision::Int8 => Numbers::Int8,
        Precision::F16 => return None,
    };
    numbers.is_supported().then_some(numbers)
}

/// Whether tiles multiply these numbers: that the processor has them is not enough, the system must allow them too.
pub(crate) fn have_tiles_for(precision: Precision) -> bool {
    numbers(precision).is_some_and(|numbers| Instructions::Amx.can(numbers))
}

/// Something to be timed.
pub(crate) type Run = Box<dyn FnMut() -> Result<(), BackboneError>>;

/// One of V1's middle layers on one photo, behind a stem that takes a twentieth of the time.
pub(crate) fn middle_layer(numbers: Numbers) -> Result<Run, BackboneError> {
    const SIDE: usize = 28;
    let conv = |n_in: usize, kernel: usize| Conv {
        n_in,
        n_out: 512,
        kernel,
        stride: kernel.div_ceil(2),
        groups: 1,
        padding: kernel / 2,
        weight: vec![0.0; 512 * n_in * kernel * kernel],
        bias: vec![0.0; 512],
        activation: tl_kernels::Activation::Relu6,
        range: (0.0, 6.0),
        means: Vec::new(),
        residual: None,
    };
    let options = NetworkOptions { numbers, instructions: None, side: SIDE, mean: [0.0; 3] };
    let mut network = Network::new(&[Layer::Conv(conv(3, 3)), Layer::Conv(conv(512, 1))], &options)?;
    Ok(Box::new(move || {
        network.features(&[0; SIDE * SIDE * 3], &mut [0.0; 512])?;
        Ok(())
    }))
}

impl Kernels {
    /// These blocks, which are the first ones, for pictures of `side` pixels.
    pub(crate) fn new(
        weights: &Weights,
        architecture: &Architecture,
        blocks: &[Block],
        precision: Precision,
        numbers: Numbers,
        side: usize,
    ) -> Result<Self, BackboneError> {
        let layers = Describer::new(weights, architecture, numbers, side as i64).layers(blocks)?;
        let mean = weights.spec().preprocessing.byte_mean();
        let network = Network::new(&layers, &NetworkOptions { numbers, instructions: None, side, mean })?;
        Ok(Self { network: RefCell::new(network), side, precision })
    }

    /// Features `[n, n_features]`, row by row, of pictures `[n, side, side, 3] u8`.
    pub(crate) fn rows(&self, pixels: &[u8], n: usize) -> Result<Vec<f32>, BackboneError> {
        let mut network = self.network.borrow_mut();
        let width = network.n_features();
        let pictures = self.pictures(pixels, n)?;
        let mut features = vec![0.0; n * width];
        for (picture, features) in pictures.zip(features.chunks_exact_mut(width)) {
            network.features(picture, features)?;
        }
        Ok(features)
    }

    /// What comes out of the last block: `[n, C, H, W]` in the kind of the arithmetic, channels-last.
    pub(crate) fn activations(&self, pixels: &[u8], n: usize) -> Result<Tensor, BackboneError> {
        let mut network = self.network.borrow_mut();
        let shape = network.shape();
        let len = shape.iter().product();
        let pictures = self.pictures(pixels, n)?;
        let mut activations = vec![0.0; n * len];
        for (picture, activations) in pictures.zip(activations.chunks_exact_mut(len)) {
            network.activations(picture, activations)?;
        }
        let [height, width, channels] = shape.map(|n| n as i64);
        let x = tensor_from_f32(&activations, &[n as i64, height, width, channels])?;
        Ok(x.f_to_kind(self.precision.kind())?.f_permute([0, 3, 1, 2])?)
    }

    fn pictures<'a>(&self, pixels: &'a [u8], n: usize) -> Result<impl Iterator<Item = &'a [u8]>, BackboneError> {
        let len = self.side * self.side * 3;
        let wanted = n.saturating_mul(len);
        if pixels.len() != wanted || n == 0 {
            return Err(BackboneError::Pixels { n, side: self.side, wanted, found: pixels.len() });
        }
        Ok(pixels.chunks_exact(len))
    }
}
