//! The proof that what is frozen did not move.

use tl_backbone::{Backbone, LayerInfo};
use tl_torch::Array;

use crate::{error::TrainError, options::NormKind, report::FreezeProof};

/// Names of tensors that must not move, and their hash before training.
pub(crate) struct Frozen {
    names: Vec<String>,
    before: String,
    n_frozen_layers: usize,
}

impl Frozen {
    /// Takes down what `backbone` has before training: all of the frozen layers, and the statistics of the trained
    /// ones too when `BatchNorm` is in inference mode.
    pub(crate) fn new(
        backbone: &Backbone,
        layers: &[LayerInfo],
        trained: &[bool],
        norm: NormKind,
    ) -> Result<Self, TrainError> {
        let names: Vec<String> = layers
            .iter()
            .zip(trained)
            .flat_map(|(layer, &trained)| {
                let parameters = if trained { &[][..] } else { &layer.parameters };
                let statistics = if trained && norm == NormKind::Batch { &[][..] } else { &layer.statistics };
                parameters.iter().chain(statistics).cloned()
            })
            .collect();
        let n_frozen_layers = trained.iter().filter(|trained| !**trained).count();
        let before = hash(backbone, &names)?;
        Ok(Self { names, before, n_frozen_layers })
    }

    /// Compares with what `backbone` has now. `moved` says of the layers that were to be trained whether their turn
    /// came.
    pub(crate) fn prove(self, backbone: &Backbone, moved: &[bool]) -> Result<FreezeProof, TrainError> {
        let after = hash(backbone, &self.names)?;
        if after != self.before {
            return Err(TrainError::FrozenMoved);
        }
        let n_trained_layers = moved.iter().filter(|moved| **moved).count();
        Ok(FreezeProof {
            n_frozen_layers: self.n_frozen_layers,
            n_trained_layers,
            n_waiting_layers: moved.len() - self.n_frozen_layers - n_trained_layers,
            n_frozen_tensors: self.names.len(),
            blake3_before: self.before,
            blake3_after: after,
        })
    }
}

fn hash(backbone: &Backbone, names: &[String]) -> Result<String, TrainError> {
    let mut hasher = blake3::Hasher::new();
    for (name, tensor) in backbone.tensors().filter(|(name, _)| names.iter().any(|frozen| frozen == name)) {
        Array::of_tensor(tensor)?.hash_into(name, &mut hasher);
    }
    Ok(hasher.finalize().to_hex().to_string())
}
