//! The network that is fine-tuned: backbone and head.

use std::collections::BTreeMap;

use tch::Tensor;
use tl_backbone::{Backbone, LayerInfo};
use tl_head::TensorHead;

use crate::error::TrainError;

/// A backbone with a head.
pub(crate) struct Model {
    pub(crate) backbone: Backbone,
    pub(crate) head: TensorHead,
}

impl Model {
    /// What is trained, with names: the backbone's in their order, then the head's.
    pub(crate) fn parameters(&self) -> Vec<(String, Tensor)> {
        let backbone = self.backbone.parameters();
        let backbone = backbone.map(|(name, tensor)| (format!("backbone.{name}"), tensor.shallow_clone()));
        let head = self.head.trainable().into_iter().map(|(name, tensor)| (format!("head.{name}"), tensor));
        backbone.chain(head).collect()
    }

    /// All tensors with the names of [`Self::parameters`], statistics and frozen ones too.
    pub(crate) fn tensors(&self) -> Vec<(String, &Tensor)> {
        let backbone = self.backbone.tensors().map(|(name, tensor)| (format!("backbone.{name}"), tensor));
        let head = self.head.parameters().into_iter().map(|(name, tensor)| (format!("head.{name}"), tensor));
        backbone.chain(head).collect()
    }

    /// The learning rate of each of [`Self::parameters`], as parts of the head's: the backbone's last stage has
    /// `last`, and each earlier one `decay` of the next.
    pub(crate) fn rates(&self, layers: &[LayerInfo], last: f64, decay: f64) -> Vec<f64> {
        let last_stage = layers.last().map_or(0, |layer| layer.stage);
        let of_layer = |layer: &LayerInfo| last * decay.powi((last_stage - layer.stage) as i32);
        let rates: BTreeMap<&str, f64> = layers
            .iter()
            .flat_map(|layer| layer.parameters.iter().map(|name| (name.as_str(), of_layer(layer))))
            .collect();
        let backbone = self.backbone.parameters().map(|(name, _)| rates.get(name).copied().unwrap_or(last));
        backbone.chain(self.head.parameters().iter().map(|_| 1.0)).collect()
    }

    /// The head with the same numbers, not copied, for another thread's graph.
    pub(crate) fn share_head(&self) -> Result<TensorHead, TrainError> {
        let parameters = self.head.parameters().into_iter();
        let parameters = parameters.map(|(name, tensor)| Ok((name, tensor.f_detach()?)));
        Ok(TensorHead::from_tensors(self.head.config(), parameters.collect::<Result<_, TrainError>>()?)?)
    }
}
