//! The trainable form: convolutions and `BatchNorm` apart, gradients where they are wanted.

mod forward;

use std::collections::BTreeMap;

use tch::{Device, Tensor};

pub(crate) use self::forward::{activate, convolve, convolve_padded, excited, pad_same, same_padding};
use crate::{architecture::Architecture, error::BackboneError, registry::Spec, weights::Weights};

/// What `BatchNorm` does in the blocks that are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BatchNorm {
    /// It normalises by its pretrained statistics, which never move: right for small sets of photos.
    #[default]
    Frozen,
    /// It normalises by the statistics of the batch and moves its own towards them.
    Batch,
}

/// A network that can be trained, wholly or from some block on.
#[derive(Debug)]
pub struct Backbone {
    spec: &'static Spec,
    pub(crate) architecture: Architecture,
    tensors: BTreeMap<String, Tensor>,
    /// Whether each layer is trained, in the order in which they run.
    pub(crate) trained: Vec<bool>,
    /// The first block with a trained layer.
    pub(crate) first_trained: usize,
    pub(crate) batch_norm: BatchNorm,
    pub(crate) bn_momentum: f64,
}

/// Share of a batch in the moving statistics; torchvision's default.
const BN_MOMENTUM: f64 = 0.1;

impl Backbone {
    /// A copy of the weights, everything frozen.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when there is no memory for them.
    pub fn new(weights: &Weights) -> Result<Self, BackboneError> {
        let spec = weights.spec();
        let architecture = (spec.architecture)();
        let tensors = weights.arrays().map(|(name, array)| Ok((name.to_owned(), array.to_tensor()?)));
        let tensors = tensors.collect::<Result<_, BackboneError>>()?;
        let first_trained = architecture.blocks.len();
        let trained = vec![false; architecture.blocks.iter().map(|block| block.layers.len()).sum()];
        let (batch_norm, bn_momentum) = (BatchNorm::Frozen, BN_MOMENTUM);
        Ok(Self { spec, architecture, tensors, trained, first_trained, batch_norm, bn_momentum })
    }

    /// How many blocks the network has: the stem, each separable or inverted residual block, the last
    /// convolution where there is one.
    #[must_use]
    pub fn n_blocks(&self) -> usize {
        self.architecture.blocks.len()
    }

    /// Trains the blocks from `first` on and freezes those before; `first = n_blocks()` freezes all. The top
    /// stays frozen.
    ///
    /// Nothing of a frozen block moves, neither weights nor statistics, whatever `batch_norm` is.
    ///
    /// # Errors
    /// [`BackboneError::Block`] for more blocks than there are, [`BackboneError::Torch`] when libtorch refuses.
    pub fn train_from(&mut self, first: usize, batch_norm: BatchNorm) -> Result<(), BackboneError> {
        if first > self.n_blocks() {
            return Err(self.no_block(first));
        }
        let blocks = self.architecture.blocks.iter().enumerate();
        let trained: Vec<bool> = blocks.flat_map(|(i, block)| vec![i >= first; block.layers.len()]).collect();
        self.train_layers(&trained, batch_norm)
    }

    /// Trains the layers that are marked, in the order of [`crate::layers`], and freezes the others and the top.
    ///
    /// Nothing of a frozen layer moves, neither weights nor statistics, whatever `batch_norm` is.
    ///
    /// # Errors
    /// [`BackboneError::Layers`] for more or fewer marks than layers, [`BackboneError::Torch`] when libtorch refuses.
    pub fn train_layers(&mut self, trained: &[bool], batch_norm: BatchNorm) -> Result<(), BackboneError> {
        if trained.len() != self.trained.len() {
            let n_layers = self.trained.len();
            return Err(BackboneError::Layers { backbone: self.spec.name, n_layers, asked: trained.len() });
        }
        let mut marks = trained.iter();
        self.first_trained = self.n_blocks();
        for (i, block) in self.architecture.blocks.iter().enumerate() {
            for (layer, &is_trained) in block.layers.iter().zip(&mut marks) {
                if is_trained {
                    self.first_trained = self.first_trained.min(i);
                }
                for info in layer.tensors().iter().filter(|info| info.is_parameter) {
                    if let Some(tensor) = self.tensors.get_mut(&info.name) {
                        *tensor = tensor.f_detach()?.f_set_requires_grad(is_trained)?;
                    }
                }
            }
        }
        (self.trained, self.batch_norm) = (trained.to_vec(), batch_norm);
        Ok(())
    }

    /// The share of a batch in the moving statistics of [`BatchNorm::Batch`]: torchvision's is 0.1, Keras's 0.01
    /// (there called a momentum of 0.99).
    pub fn set_bn_momentum(&mut self, share: f64) {
        self.bn_momentum = share;
    }

    /// The first block with a trained layer; [`Self::n_blocks`] when all are frozen.
    #[must_use]
    pub fn first_trained(&self) -> usize {
        self.first_trained
    }

    /// The trained parameters with their names, in order of the names.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors().filter(|(_, tensor)| tensor.requires_grad())
    }

    /// Every tensor with its name, in order of the names.
    pub fn tensors(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Moves everything to `device`.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] where there is no such device, or no memory on it.
    pub fn to_device(&mut self, device: Device) -> Result<(), BackboneError> {
        for tensor in self.tensors.values_mut() {
            let trained = tensor.requires_grad();
            *tensor = tensor.f_detach()?.f_to_device(device)?.f_set_requires_grad(trained)?;
        }
        Ok(())
    }

    /// A copy of the weights as they are now.
    ///
    /// # Errors
    /// [`BackboneError::Torch`] when libtorch cannot bring them here.
    pub fn to_weights(&self) -> Result<Weights, BackboneError> {
        let moved = self.tensors.iter().map(|(name, tensor)| Ok((name.clone(), tensor.f_to_device(Device::Cpu)?)));
        Weights::from_tensors(self.spec, moved.collect::<Result<_, BackboneError>>()?)
    }

    pub(crate) fn get(&self, prefix: &str, name: &str) -> Result<&Tensor, BackboneError> {
        self.tensor(&format!("{prefix}.{name}"))
    }

    pub(crate) fn tensor(&self, name: &str) -> Result<&Tensor, BackboneError> {
        self.tensors
            .get(name)
            .ok_or_else(|| BackboneError::Tensors { backbone: self.spec.name, problems: format!("{name} is missing") })
    }

    fn no_block(&self, asked: usize) -> BackboneError {
        BackboneError::Block { backbone: self.spec.name, n_blocks: self.n_blocks(), asked }
    }
}
